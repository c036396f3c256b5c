import { invitationProvider } from "../../../provider/lifecycle/invitation/provider";
import { invitationStageProvider } from "../../../provider/lifecycle/objects/invitation-stage";
import { nock } from "./nock";

export type Inputs = Readonly<Record<string, unknown>>;

interface Checked {
  readonly inputs: Record<string, unknown>;
  readonly properties: string[];
  readonly reasons: string[];
}

async function checkWith(
  provider: Pick<typeof invitationProvider, "check">,
  olds: Inputs,
  news: Inputs,
): Promise<Checked> {
  const { inputs, failures = [] } = await provider.check(olds, news);
  return {
    inputs: inputs as Record<string, unknown>,
    properties: failures.map(({ property }) => property),
    reasons: failures.map(({ reason }) => reason),
  };
}

/** Checks an invitation's inputs as the engine does; without old inputs it is one that is to be created. */
export function checkInvitation(news: Inputs, olds: Inputs = {}): Promise<Checked> {
  return checkWith(invitationProvider, olds, news);
}

export function checkStage(news: Inputs, olds: Inputs = {}): Promise<Checked> {
  return checkWith(invitationStageProvider, olds, news);
}

/** Lets the test fail whose check sends anything. */
export function forbidRequests(): void {
  nock.disableNetConnect();
  nock.emitter.on("no match", failOnRequest);
}

export const requests: string[] = [];

function failOnRequest(request: unknown): void {
  requests.push(String(request));
}
