import "./environment";
import { Invitation } from "pulumi-authentik-invitations/provider";
import { createNonce, createTag, formatOrigin } from "../../../provider/common/origin";
import { Authentik, type AuthentikOptions, type InjectedFailure } from "../../../sandbox";
import { htmlPage } from "./response-bodies";

const running = new Set<Authentik>();

/** Starts an embedded authentik and configures the providers to use it, until {@link closeEmbedded}. */
export async function startEmbedded(options: AuthentikOptions = {}): Promise<Authentik> {
  const server = await Authentik.start(options);
  running.add(server);
  await useEmbedded(server);
  return server;
}

export async function useEmbedded(
  server: Pick<Authentik, "url" | "token">,
  token: string = server.token,
): Promise<void> {
  const settings: Record<string, string> = { "authentik:url": server.url, "authentik:token": token };
  await Invitation.configure({ config: { get: (key) => settings[key] }, program: { project: "team", stack: "dev" } });
}

export async function closeEmbedded(): Promise<void> {
  await Promise.all([...running].map((server) => server.close()));
  running.clear();
}

/** Permissions to manage everything, except to read the event log. */
export const permissionsWithoutEvents = ["view", "add", "change", "delete"].flatMap((verb) =>
  [
    "authentik_stages_invitation.{}_invitation",
    "authentik_stages_invitation.{}_invitationstage",
    "authentik_flows.{}_flow",
    "authentik_flows.{}_flowstagebinding",
  ].map((permission) => permission.replace("{}", verb)),
);

/** The origin of a resource with this name, with a new nonce. */
export function newOrigin(name: string = "jane", stack: string = "dev"): string {
  return formatOrigin({ stack, tag: createTag(`${stack}/${name}`), nonce: createNonce() });
}

/** Ways in which the response to a request that authentik carried out is lost. */
export const waysToLoseAResponse: Record<string, InjectedFailure> = {
  "a closed connection": { disconnect: true },
  "500": { status: 500, body: htmlPage },
  "502": { status: 502, body: "<title>502 Bad Gateway</title>" },
  "504": { status: 504, body: "<title>504 Gateway Time-out</title>" },
  "405 with an empty body": { status: 405, headers: { allow: "GET, HEAD, OPTIONS" } },
  "201 with an empty body": { status: 201 },
  "201 with an unexpected body": { status: 201, headers: { "content-type": "application/json" }, body: '{"id":7}' },
};

/** The invitations of the server. */
export async function listInvitations(server: Authentik): Promise<{ pk: string; name: string }[]> {
  const { body } = await server.request("GET", "/api/v3/stages/invitation/invitations/?page_size=100");
  return (body as { results: { pk: string; name: string }[] }).results;
}
