import fc from "fast-check";
import { Authentik, type InjectedFailure } from "../../sandbox";
import { runs, timeout } from "../hostile/runs";
import { weighted } from "../hostile/values";
import { Batch, batchInputs } from "../unit/support/batch";
import { type Door, doors } from "../unit/support/doors";
import { sendPath } from "../unit/support/email-requests";
import { Engine } from "./engine";

const json = { "content-type": "application/json" };

/** What happens to a send request. */
const failures = {
  rejected: { status: 403, body: '{"detail":"No"}', headers: json },
  lost: { when: "after", disconnect: true },
  /** Indistinguishable from a lost response, but nothing was sent. */
  unreached: { when: "before", disconnect: true },
} as const satisfies Record<string, InjectedFailure>;
type FailureName = keyof typeof failures;

const addresses = ["a@example.com", "b@example.com", "c@example.com"];

interface Action {
  readonly to: readonly string[];
  /** Changes the keepers, which reissues the invitation. */
  readonly isReissued: boolean;
  readonly singleUse: boolean;
  readonly refresh: boolean;
  readonly failure: FailureName | undefined;
}

const actionArb: fc.Arbitrary<Action> = fc.record({
  to: fc.subarray(addresses),
  isReissued: fc.oneof(weighted(4, fc.constant(false)), fc.constant(true)),
  singleUse: fc.boolean(),
  refresh: fc.boolean(),
  failure: fc.option(fc.constantFrom("rejected", "lost", "unreached"), { nil: undefined }),
});

/** A program that declares one invitation. */
interface Stack {
  up(inputs: Record<string, unknown>, refresh: boolean): Promise<void>;
  emailedTo(): readonly string[];
  pk(): string | undefined;
}

function singleStack(server: Authentik, door: Door): Stack {
  const settings = { "authentik:url": server.url, "authentik:token": server.token };
  const engine = new Engine(
    door,
    () => settings,
    () => undefined,
  );
  const outputs = (): Record<string, unknown> => engine.state.get("jane")?.outputs ?? {};
  return {
    up: async (inputs, refresh) => {
      const program = new Map([["jane", { name: "jane", validFor: "14d", flow: "staff", ...inputs }]]);
      await engine.up(program, { refresh });
    },
    emailedTo: () => (outputs()["emailedTo"] ?? []) as string[],
    pk: () => outputs()["pk"] as string | undefined,
  };
}

function batchStack(server: Authentik, door: Door): Stack {
  const batch = new Batch(server, door);
  return {
    up: async (inputs, refresh) => {
      if (refresh && batch.id !== "") await batch.refresh();
      await batch.up(batchInputs({ jane: inputs, other: {} }, { flow: "staff" })).catch(() => undefined);
    },
    emailedTo: () => (batch.outputs["emailedTo"] as Record<string, string[]> | undefined)?.["jane"] ?? [],
    pk: () => batch.pks["jane"],
  };
}

// The engine restores the console after each run.
beforeEach(() => {
  jest.spyOn(console, "warn").mockImplementation();
  jest.spyOn(console, "log").mockImplementation();
});

/** Runs the actions, then one run without failures. No address gets a link twice, and none is forgotten. */
async function expectOnce(createStack: (server: Authentik) => Stack, actions: readonly Action[]): Promise<void> {
  const server = await Authentik.start({ version: "2026.5" });
  try {
    server.instance.flows.add({ name: "staff", slug: "staff", title: "staff", designation: "enrollment" });
    const stack = createStack(server);
    let round = 0;
    let isReachable = true;
    const last = { to: addresses, isReissued: false, singleUse: false, refresh: true, failure: undefined };
    for (const { to, isReissued, singleUse, refresh, failure } of [...actions, last]) {
      if (isReissued) round += 1;
      const before = server.outbox.length;
      if (failure !== undefined) server.injectFailure({ method: "POST", path: sendPath, ...failures[failure] });
      const email = to.length === 0 ? {} : { email: { to } };
      await stack.up({ singleUse, keepers: { round }, ...email }, refresh);
      // A failure that no request met must not hit a later one.
      server.clearFailures();
      if (failure === "unreached") isReachable = false;
      for (const { to: address } of server.outbox.slice(before)) expect(to).toContain(address);
      const sent = server.outbox
        .filter(({ invitationPk }) => invitationPk === stack.pk())
        .map(({ to: address }) => address);
      expect(stack.emailedTo()).toEqual(expect.arrayContaining(sent));
      if (isReachable) expect([...stack.emailedTo()].sort()).toEqual(sent.sort());
    }
    expect([...stack.emailedTo()].sort()).toEqual(addresses);
    const mailed = server.outbox.map(({ invitationPk, to }) => `${invitationPk} ${to}`);
    expect(new Set(mailed).size).toBe(mailed.length);
  } finally {
    await server.close();
  }
}

describe.each([
  ["an invitation", singleStack],
  ["an entry of a batch", batchStack],
])("%s", (_name, createStack) => {
  test(
    "is emailed once to each declared address, whatever fails",
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(actionArb, { maxLength: 6 }), fc.constantFrom(...doors), (actions, door) =>
          expectOnce((server) => createStack(server, door), actions),
        ),
        runs(15),
      );
    },
    timeout,
  );
});
