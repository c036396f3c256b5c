import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Client } from "../../provider/authentik/client";
import { auditCommand } from "../../provider/commands/audit";
import { runPulumi } from "../../provider/commands/pulumi";
import { recoverCommand } from "../../provider/commands/recover";
import { Authentik } from "../sandbox";
import { collectWarnings, configure, expectPrintable, stage, takeWarnings } from "./resources";
import { runs, timeout } from "./runs";
import { storableString } from "./values";

jest.mock("../../provider/commands/pulumi", () => ({
  ...jest.requireActual<object>("../../provider/commands/pulumi"),
  runPulumi: jest.fn(),
  readConfiguration: async () => ({ get: () => undefined }),
}));
jest.setTimeout(timeout);

let server: Authentik;
let folder: string;
let stdout: jest.SpyInstance;
const originalFolder = process.cwd();
const originalEnv = process.env;

beforeEach(async () => {
  server = await Authentik.start();
  collectWarnings();
  await configure(server);
  folder = mkdtempSync(join(tmpdir(), "hostile-"));
  process.chdir(folder);
  process.env = { ...originalEnv, AUTHENTIK_URL: server.url, AUTHENTIK_TOKEN: server.token };
  stdout = jest.spyOn(process.stdout, "write").mockReturnValue(true);
});

afterEach(async () => {
  stdout.mockRestore();
  process.env = originalEnv;
  process.chdir(originalFolder);
  rmSync(folder, { recursive: true });
  await server.close();
});

/** A name that authentik accepts. */
const name = storableString
  .map((value) => `a${value.slice(0, 60)}`.replaceAll(/\p{Cs}/gu, "").trimEnd())
  .filter((value) => value !== "taken");

async function expectPrintableError(operation: Promise<unknown>): Promise<void> {
  const error: unknown = await operation.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error("The operation succeeded.");
  expectPrintable(error.message);
}

/** What a command wrote, without the line ends that are its own. */
function takeLines(): string[] {
  const lines = stdout.mock.calls.map(([text]) => String(text)).join("");
  stdout.mockClear();
  return lines.split("\n").filter((line) => line !== "");
}

test("errors and warnings repeat names as one printable line", async () => {
  const admin = server.instance.users.admin;
  await fc.assert(
    fc.asyncProperty(name, name, async (stageName, username) => {
      const inputs = { name: stageName, continueFlowWithoutInvitation: false };
      const { id, outs = {} } = await stage.provider.create(inputs);
      // The name is taken.
      await expectPrintableError(stage.provider.create(inputs));
      const user = server.instance.users.add({ username, isSuperuser: true });
      const path = `/api/v3/stages/invitation/stages/${id}/`;
      await server.request("DELETE", path, undefined, server.instance.users.addToken(user));
      await stage.provider.read(id, outs);
      await expectPrintableError(stage.provider.update(id, outs, inputs));
      await expectPrintableError(stage.provider.create({ ...inputs, import: id }));
      if (user !== admin) server.instance.users.remove(user);
      const warnings = takeWarnings();
      expect(warnings).toHaveLength(1);
      for (const warning of warnings) expectPrintable(warning);
    }),
    runs(30),
  );
});

test("audit prints one printable line for each invitation, and printable JSON", async () => {
  const state = join(folder, "state.json");
  writeFileSync(state, JSON.stringify({ deployment: {} }));
  const { invitations, users } = server.instance;
  // All runs share a connection.
  jest.spyOn(Client.prototype, "close").mockResolvedValue();
  await fc.assert(
    fc.asyncProperty(name, name, async (invitationName, username) => {
      const createdBy = users.add({ username });
      const invitation = invitations.add({ name: invitationName, createdBy });
      expect(await auditCommand.run({ state: [state] })).toBe(7);
      const [header, row, total, ...others] = takeLines();
      expect(header).toMatch(/^ID {2,}NAME /);
      expect(total).toBe("1 of 1 invitation is not declared by any of these stacks.");
      expect(others).toEqual([]);
      expectPrintable(String(row));
      expect(await auditCommand.run({ state: [state], json: true })).toBe(7);
      const json = takeLines();
      for (const line of json) expectPrintable(line);
      expect(JSON.parse(json.join("\n"))).toMatchObject([{ name: invitationName, createdBy: username }]);
      invitations.remove(invitation);
      users.remove(createdBy);
    }),
    runs(30),
  );
});

test("recover prints one printable line for each operation", async () => {
  const names = fc.array(name, { minLength: 5, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(names, async (logicalNames) => {
      const type = "pulumi-nodejs:dynamic/authentik:InvitationStage";
      const operations = logicalNames.map((logicalName, index) => ({
        type: index < 3 ? "creating" : "updating",
        resource: { urn: `urn:pulumi:dev::project::${type}::${logicalName}`, type, inputs: { name: logicalName } },
      }));
      const state = JSON.stringify({ deployment: { resources: [], pending_operations: operations } });
      jest.mocked(runPulumi).mockImplementation(async ([command]) => (command === "stack" ? state : "{}"));
      await recoverCommand.run({ "dry-run": true });
      const lines = takeLines();
      expect(lines).toHaveLength(operations.length);
      for (const line of lines) expectPrintable(line);
    }),
    runs(5),
  );
});
