import type { Authentik } from "../sandbox";

export const invitationsPath = "/api/v3/stages/invitation/invitations/";
export const stagesPath = "/api/v3/stages/invitation/stages/";

/** What an invitation looks like on the server. */
export interface ServerInvitation {
  pk: string;
  name: string;
  expires: string;
  fixed_data: Record<string, unknown>;
  single_use: boolean;
  flow: string | null;
}

/** All invitations, by name. */
export async function invitations(server: Authentik): Promise<ServerInvitation[]> {
  const { body } = await server.request("GET", `${invitationsPath}?ordering=name`);
  return (body as { results: ServerInvitation[] }).results;
}

/** The requests since the last call, as `METHOD path` without pks and queries. */
export function requestsOf(server: Authentik): string[] {
  const uuid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
  const seen = server.requests.filter(({ userAgent }) => userAgent?.startsWith("pulumi-authentik-invitations/"));
  server.requests.length = 0;
  return seen.map(({ method, path }) => `${method} ${path.replaceAll(uuid, "{pk}")}`).sort();
}
