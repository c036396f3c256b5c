import * as pulumi from "@pulumi/pulumi";
import { Invitation, InvitationBatch, InvitationStage } from "../../provider";
import { invitationId } from "../../provider/common/pk";
import { startProgram } from "./support/program";

const pk = "aaaaaaaa-0000-4000-8000-0000000000ff";
const otherSpelling = `{${pk.replaceAll("-", "").toUpperCase()}}`;
const validFor = "14d";

let mockRun = {};
jest.mock("../../provider/common/run", () => ({
  hasStack: () => true,
  perRun: (create: () => unknown) => {
    const values = new Map<object, unknown>();
    return () => {
      if (!values.has(mockRun)) values.set(mockRun, create());
      return values.get(mockRun);
    };
  },
}));

/** Runs a program as a run of its own, and returns its error. */
async function run(program: () => void, config: Record<string, string> = {}): Promise<string | undefined> {
  mockRun = {};
  pulumi.runtime.setAllConfig({ "authentik:url": "https://authentik.test", ...config });
  await startProgram();
  try {
    program();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const invitation =
  (name: string, value: string = pk, connection?: string) =>
  (): void => {
    new Invitation(name, { validFor, connection }, { import: value });
  };
const batch =
  (...values: readonly string[]) =>
  (): void => {
    const entries = values.map((value, index) => [`key${index}`, { import: value }]);
    new InvitationBatch("intake", { validFor, invitations: Object.fromEntries(entries) });
  };

describe.each([
  ["two invitations", [invitation("a"), invitation("b")], ['Invitation "a"', 'Invitation "b"']],
  ["another spelling", [invitation("b", otherSpelling), invitation("a")], ['Invitation "b"', 'Invitation "a"']],
  ["two entries", [batch(pk, otherSpelling)], ['the entry "key0" of InvitationBatch "intake"', 'the entry "key1" of']],
  ["an entry and an invitation", [batch(pk), invitation("a")], ['the entry "key0" of', 'Invitation "a"']],
  ["an invitation and an entry", [invitation("a"), batch(pk)], ['Invitation "a"', 'the entry "key0" of']],
] as const)("%s that import the same invitation", (_case, resources, names) => {
  test("are an error that names both, and not the pk", async () => {
    const error = await run(() => {
      for (const create of resources) create();
    });
    expect(error).toContain(`Two resources import the same object: ${names[0]}`);
    expect(error).toContain(`, and ${names[1]}`);
    expect(error).toContain(invitationId(pk));
    expect(error?.toLowerCase()).not.toContain(pk);
  });
});

test("two stages that import the same stage are an error", async () => {
  const error = await run(() => {
    for (const name of ["a", "b"]) new InvitationStage(name, {}, { import: pk });
  });
  expect(error).toContain('InvitationStage "a", and InvitationStage "b"');
});

test("the same program runs twice in a process, and a clone of a server has the same pks", async () => {
  const program = (): void => {
    invitation("a")();
    invitation("b", pk, "authentik-staging")();
  };
  expect(await run(program)).toBeUndefined();
  expect(await run(program, { "authentik-staging:url": "https://clone.test" })).toBeUndefined();
});

test("two connections to the same server import the same object", async () => {
  const program = (): void => {
    invitation("a")();
    invitation("b", pk, "authentik-admin")();
  };
  const error = await run(program, { "authentik-admin:url": "https://authentik.test/api/v3/" });
  expect(error).toContain('Invitation "a", and Invitation "b"');
});
