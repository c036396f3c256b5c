import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as lifecycle from "../../provider/objects";
import { providerSource } from "../../provider/program/resource";

/** Existing states contain these strings. If they change, those states can be neither refreshed nor destroyed. */
const sources = {
  Flow: "exports.handler=()=>require('module').createRequire(process.cwd()+'/')('pulumi-authentik-invitations/provider').Flow",
  FlowStageBinding:
    "exports.handler=()=>require('module').createRequire(process.cwd()+'/')('pulumi-authentik-invitations/provider').FlowStageBinding",
  Invitation:
    "exports.handler=()=>require('module').createRequire(process.cwd()+'/')('pulumi-authentik-invitations/provider').Invitation",
  InvitationBatch:
    "exports.handler=()=>require('module').createRequire(process.cwd()+'/')('pulumi-authentik-invitations/provider').InvitationBatch",
  InvitationStage:
    "exports.handler=()=>require('module').createRequire(process.cwd()+'/')('pulumi-authentik-invitations/provider').InvitationStage",
} as const;

const providers = { ...lifecycle };

test("every export of the package's subpath has a source here", () => {
  expect(Object.keys(sources).sort()).toEqual(Object.keys(providers).sort());
});

describe.each(Object.entries(sources) as [keyof typeof sources, string][])(
  "the provider source of %s",
  (resource, source) => {
    test("never changes", () => {
      expect(providerSource(resource)).toBe(source);
    });

    test("names an export of the package's subpath", () => {
      for (const operation of ["check", "diff", "create", "read", "update", "delete", "configure"] as const) {
        expect(providers[resource][operation]).toBeInstanceOf(Function);
      }
    });
  },
);

test("the package exports the subpath that the provider source requires", () => {
  const manifest: unknown = JSON.parse(readFileSync(join(__dirname, "../../package.json"), "utf8"));
  expect(manifest).toMatchObject({
    name: "pulumi-authentik-invitations",
    exports: { "./provider": { default: "./dist/objects/index.js" } },
  });
  expect(manifest).not.toHaveProperty("pulumi");
});

test("importing the package loads neither undici nor zod", () => {
  jest.isolateModules(() => {
    for (const dependency of ["undici", "zod"]) {
      jest.doMock(dependency, () => {
        throw new Error(`${dependency} was loaded.`);
      });
    }
    expect(() => require("../../provider")).not.toThrow();
    expect(() => require("../../provider/objects")).toThrow(/was loaded/);
  });
});
