import {
  Invitation as invitationProvider,
  InvitationStage as invitationStageProvider,
} from "pulumi-authentik-invitations/provider";
import { nock } from "./nock";

export type Inputs = Readonly<Record<string, unknown>>;

interface CheckOutcome {
  readonly inputs: Record<string, unknown>;
  readonly properties: string[];
  readonly reasons: string[];
}

async function checkWith(
  provider: Pick<typeof invitationProvider, "check">,
  olds: Inputs,
  news: Inputs,
): Promise<CheckOutcome> {
  const { inputs, failures = [] } = await provider.check(olds, news);
  return {
    inputs: inputs as Record<string, unknown>,
    properties: failures.map(({ property }) => property),
    reasons: failures.map(({ reason }) => reason),
  };
}

/** Checks an invitation's inputs as the engine does. Without old inputs, the invitation is about to be created. */
export function checkInvitation(news: Inputs, olds: Inputs = {}): Promise<CheckOutcome> {
  return checkWith(invitationProvider, olds, news);
}

export function checkStage(news: Inputs, olds: Inputs = {}): Promise<CheckOutcome> {
  return checkWith(invitationStageProvider, olds, news);
}

/** Requests that were sent after {@link forbidRequests}. Tests expect none. */
export const unexpectedRequests: string[] = [];

/** Blocks all requests, and records them in {@link unexpectedRequests}. */
export function forbidRequests(): void {
  nock.disableNetConnect();
  nock.emitter.on("no match", recordRequest);
}

function recordRequest(request: unknown): void {
  unexpectedRequests.push(String(request));
}
