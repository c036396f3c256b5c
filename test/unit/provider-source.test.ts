import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Flow, FlowStageBinding, Invitation, InvitationStage } from "../../provider/lifecycle";
import { providerSource } from "../../provider/resources/resource";

/** What stands in states that exist. Not a letter of it may change, or they can be neither refreshed nor destroyed. */
const texts = {
  Flow: "exports.handler=()=>require('module').createRequire(process.cwd()+'/')('pulumi-authentik-invitations/provider').Flow",
  FlowStageBinding:
    "exports.handler=()=>require('module').createRequire(process.cwd()+'/')('pulumi-authentik-invitations/provider').FlowStageBinding",
  Invitation:
    "exports.handler=()=>require('module').createRequire(process.cwd()+'/')('pulumi-authentik-invitations/provider').Invitation",
  InvitationStage:
    "exports.handler=()=>require('module').createRequire(process.cwd()+'/')('pulumi-authentik-invitations/provider').InvitationStage",
} as const;

const lives = { Flow, FlowStageBinding, Invitation, InvitationStage };

describe.each(Object.entries(texts) as [keyof typeof texts, string][])(
  "the text of %s in every state",
  (resource, text) => {
    test("is this one, to the letter", () => {
      expect(providerSource(resource)).toBe(text);
    });

    test("is at most 128 bytes", () => {
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(128);
    });

    test("names what the package's subpath gives", () => {
      for (const step of ["check", "diff", "create", "read", "update", "delete", "configure"] as const) {
        expect(lives[resource][step]).toBeInstanceOf(Function);
      }
    });
  },
);

test("the package has the subpath that the text requires", () => {
  const manifest: unknown = JSON.parse(readFileSync(join(__dirname, "../../package.json"), "utf8"));
  expect(manifest).toMatchObject({
    name: "pulumi-authentik-invitations",
    exports: { "./provider": { default: "./dist/lifecycle/index.js" } },
  });
  expect(manifest).not.toHaveProperty("pulumi");
});

test("what programs import loads neither undici nor zod", () => {
  jest.isolateModules(() => {
    for (const heavy of ["undici", "zod"]) {
      jest.doMock(heavy, () => {
        throw new Error(`${heavy} was loaded.`);
      });
    }
    expect(() => require("../../provider")).not.toThrow();
    expect(() => require("../../provider/lifecycle")).toThrow(/was loaded/);
  });
});
