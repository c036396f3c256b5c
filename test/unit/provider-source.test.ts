import { readFileSync } from "node:fs";
import { join } from "node:path";
import { providerSource } from "../../provider/common/provider-source";
import * as lifecycle from "../../provider/objects";

const prefix =
  "exports.handler=()=>require('module').createRequire(process.cwd()+'/')('pulumi-authentik-invitations/provider').";

test("every export of the package's subpath has operations", () => {
  const names = ["Flow", "FlowStageBinding", "Invitation", "InvitationBatch", "InvitationStage"];
  expect(Object.keys(lifecycle).sort()).toEqual(names);
  for (const provider of Object.values(lifecycle))
    for (const operation of ["check", "diff", "create", "read", "update", "delete", "configure"] as const)
      expect(provider[operation]).toBeInstanceOf(Function);
});

/** Existing states contain these strings. If they change, those states can be neither refreshed nor destroyed. */
test.each(["Flow", "FlowStageBinding", "Invitation", "InvitationBatch", "InvitationStage"] as const)(
  "the provider source of %s never changes",
  (resource) => {
    expect(providerSource(resource)).toBe(prefix + resource);
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
