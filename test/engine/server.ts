import type { Authentik } from "../../sandbox";

export const invitationsPath = "/api/v3/stages/invitation/invitations/";
export const stagesPath = "/api/v3/stages/invitation/stages/";

/** An invitation as authentik's API returns it. */
export interface ApiInvitation {
  pk: string;
  name: string;
  expires: string;
  fixed_data: Record<string, unknown>;
  single_use: boolean;
  flow: string | null;
}

/** Lists all invitations, ordered by name. */
export async function invitations(server: Authentik): Promise<ApiInvitation[]> {
  const listed: ApiInvitation[] = [];
  for (let page = 1; page !== 0; ) {
    const { body } = await server.request("GET", `${invitationsPath}?ordering=name,pk&page_size=100&page=${page}`);
    const { results, pagination } = body as { results: ApiInvitation[]; pagination: { next: number } };
    listed.push(...results);
    page = pagination.next;
  }
  return listed;
}

/** Returns the provider's requests since the last call, sorted, as `METHOD path` without pks and queries. */
export function requestsOf(server: Authentik): string[] {
  const uuid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
  const sent = server.requests.filter(({ userAgent }) => userAgent?.startsWith("pulumi-authentik-invitations/"));
  server.requests.length = 0;
  return sent.map(({ method, path }) => `${method} ${path.replaceAll(uuid, "{pk}")}`).sort();
}
