import {
  InvitationBatch as batchProvider,
  Invitation as invitationProvider,
  InvitationStage as invitationStageProvider,
} from "pulumi-authentik-invitations/provider";
import { nock } from "./nock";

export type Inputs = Readonly<Record<string, unknown>>;

interface CheckOutcome {
  readonly inputs: Record<string, unknown>;
  readonly reasons: string[];
}

// `check` and `diff` send no requests.
const unexpectedRequests: string[] = [];
beforeAll(() => {
  nock.disableNetConnect();
  nock.emitter.on("no match", (request: unknown) => unexpectedRequests.push(String(request)));
});
afterAll(() => expect(unexpectedRequests).toEqual([]));

async function checkWith(
  provider: Pick<typeof invitationProvider, "check">,
  olds: Inputs,
  news: Inputs,
): Promise<CheckOutcome> {
  const { inputs, failures = [] } = await provider.check(olds, news);
  // The engine would print the value of a property that is named.
  expect(failures.map(({ property }) => property)).toEqual(failures.map(() => ""));
  return { inputs: inputs as Record<string, unknown>, reasons: failures.map(({ reason }) => reason) };
}

/** Checks an invitation's inputs as the engine does. Without old inputs, the invitation is about to be created. */
export function checkInvitation(news: Inputs, olds: Inputs = {}): Promise<CheckOutcome> {
  return checkWith(invitationProvider, olds, news);
}

export function checkStage(news: Inputs, olds: Inputs = {}): Promise<CheckOutcome> {
  return checkWith(invitationStageProvider, olds, news);
}

export function checkBatch(news: Inputs, olds: Inputs = {}): Promise<CheckOutcome> {
  return checkWith(batchProvider, olds, news);
}

/** One test case for each value. */
export function casesOf<Rest extends readonly unknown[]>(
  ...rows: readonly (readonly [string, readonly unknown[], ...Rest])[]
): [string, unknown, ...Rest][] {
  return rows.flatMap(([property, values, ...rest]) =>
    values.map((value): [string, unknown, ...Rest] => [property, value, ...rest]),
  );
}
