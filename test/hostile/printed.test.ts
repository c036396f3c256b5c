import { chmod } from "node:fs/promises";
import { delimiter } from "node:path";
import fc from "fast-check";
import { Authentik } from "../../sandbox";
import { runCommand, StateFolder } from "../commands/fixture";
import { collectWarnings, configure, doorsOf, expectError, expectPrintable, stage, takeWarnings } from "./resources";
import { runs, timeout } from "./runs";
import { storableString } from "./values";

jest.setTimeout(timeout);

let server: Authentik;
let folder: StateFolder;

beforeEach(async () => {
  server = await Authentik.start();
  collectWarnings();
  await configure(server);
  folder = await StateFolder.create();
});

afterEach(async () => {
  await folder.remove();
  await server.close();
});

/** A name that authentik accepts. */
const name = storableString
  .map((value) => `a${value.slice(0, 60)}`.replaceAll(/\p{Cs}/gu, "").trimEnd())
  .filter((value) => value !== "taken");

/** Runs a command, and returns the lines that it prints. */
async function run(args: readonly string[], exitCode: number): Promise<string[]> {
  const env = {
    AUTHENTIK_URL: server.url,
    AUTHENTIK_TOKEN: server.token,
    PATH: `${folder.path}${delimiter}${process.env["PATH"]}`,
  };
  const { code, stdout, stderr } = await runCommand(args, { cwd: folder.path, env });
  expect({ code, stderr }).toEqual({ code: exitCode, stderr: expect.any(String) });
  for (const line of stderr.split("\n").filter((line) => line !== "")) expectPrintable(line);
  return stdout.split("\n").filter((line) => line !== "");
}

/** Each run starts processes, and has this many names. */
const namesPerRun = 5;

function runsOf(inCi: number): { numRuns: number; seed: number } {
  const { numRuns, seed } = runs(inCi);
  return { numRuns: Math.ceil(numRuns / namesPerRun), seed };
}

test("errors and warnings repeat names as one printable line", async () => {
  await fc.assert(
    fc.asyncProperty(
      name,
      name,
      fc.constantFrom(...doorsOf(stage)),
      async (stageName, username, { provider, door }) => {
        const inputs = { name: stageName, continueFlowWithoutInvitation: false };
        const { id, outs = {} } = await provider.create(inputs);
        // The name is taken.
        await expectError(provider.create(inputs));
        const user = server.instance.users.add({ username, isSuperuser: true });
        const path = `/api/v3/stages/invitation/stages/${id}/`;
        await server.request("DELETE", path, undefined, server.instance.users.addToken(user));
        await provider.read(id, outs);
        await expectError(provider.update(id, outs, inputs));
        // The plugin has no such input.
        if (door === "dynamic") await expectError(provider.create({ ...inputs, import: id }));
        server.instance.users.remove(user);
        const warnings = takeWarnings();
        expect(warnings).toHaveLength(1);
        for (const warning of warnings) expectPrintable(warning);
      },
    ),
    runs(30),
  );
});

test("audit prints one printable line for each invitation, and printable JSON", async () => {
  const state = await folder.write("state.json", { deployment: {} });
  const { invitations, users } = server.instance;
  const pairs = fc.array(fc.tuple(name, name), { minLength: namesPerRun, maxLength: namesPerRun });
  await fc.assert(
    fc.asyncProperty(pairs, async (added) => {
      const created = added.map(([invitationName, username]) =>
        invitations.add({ name: invitationName, createdBy: users.add({ username }) }),
      );
      const [header, ...rows] = await run(["audit", "--state", state], 7);
      expect(header).toMatch(/^ID {2,}NAME /);
      expect(rows.pop()).toBe(`${namesPerRun} of ${namesPerRun} invitations are not declared by any of these stacks.`);
      expect(rows).toHaveLength(namesPerRun);
      for (const row of rows) expectPrintable(row);
      const json = await run(["audit", "--state", state, "--json"], 7);
      for (const line of json) expectPrintable(line);
      const listed = JSON.parse(json.join("\n")) as { name: string; createdBy: string }[];
      const pairsOf = (found: readonly (readonly [string, string])[]) =>
        found.map((pair) => JSON.stringify(pair)).sort();
      expect(pairsOf(listed.map((row) => [row.name, row.createdBy]))).toEqual(pairsOf(added));
      for (const row of created) {
        invitations.remove(row);
        users.remove(row.createdBy);
      }
    }),
    runsOf(30),
  );
});

test("recover prints one printable line for each operation", async () => {
  await chmod(
    await folder.write("pulumi", '#!/bin/sh\ncase "$1" in stack) cat state.json ;; *) echo "{}" ;; esac\n'),
    0o755,
  );
  const names = fc.array(name, { minLength: namesPerRun, maxLength: namesPerRun });
  await fc.assert(
    fc.asyncProperty(names, async (logicalNames) => {
      const type = "pulumi-nodejs:dynamic/authentik:InvitationStage";
      const operations = logicalNames.map((logicalName, index) => ({
        type: index < 3 ? "creating" : "updating",
        resource: { urn: `urn:pulumi:dev::project::${type}::${logicalName}`, type, inputs: { name: logicalName } },
      }));
      await folder.write("state.json", { deployment: { resources: [], pending_operations: operations } });
      const lines = await run(["recover", "--dry-run"], 1);
      expect(lines).toHaveLength(operations.length);
      for (const line of lines) expectPrintable(line);
    }),
    runsOf(25),
  );
});
