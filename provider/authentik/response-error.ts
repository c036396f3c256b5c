import type { ClientRequest } from "./client";
import { describeErrorResponse, isDetail, parseJson, type QuotingRules } from "./error-response";
import {
  AuthenticationError,
  type FailedRequest,
  NotAuthentikError,
  NotFoundError,
  PermissionError,
  ServerError,
  type SettingNames,
  ValidationError,
} from "./errors";
import { repeatsSecret } from "./secret-echo";
import type { HttpResponse } from "./transport";

/** What the error for a response contains about its request. */
type FailingRequest = Pick<ClientRequest, "method" | "isReadOnly" | "failure" | "permission" | "viewPermission">;

interface Context {
  describe(detail: string): FailedRequest;
  readonly rules: QuotingRules;
  readonly settings: SettingNames;
  /** What all clients of one connection share, where a token error is reported once. */
  readonly connection: { isTokenErrorReported: boolean };
  /** Whether the token is valid; `undefined` if that cannot be determined. */
  checkToken(): Promise<boolean | undefined>;
}

/** The error for a response that is no success: who responded, why, and what to do. */
export async function toResponseError(
  request: FailingRequest,
  response: HttpResponse,
  { describe, rules, settings, connection, checkToken }: Context,
): Promise<Error> {
  const { status } = response;
  const { failure, method, isReadOnly, permission, viewPermission } = request;
  const body = parseJson(response);
  const { detail, fields } = describeErrorResponse(response, body, rules);
  const failed = describe(detail);
  const toServerError = (hint: string, outcomeUnknown = false): Error =>
    new ServerError(failure, failed, hint, { outcomeUnknown: outcomeUnknown && method === "POST" && !isReadOnly });
  const toGatewayError = (hint: string): Error => new NotAuthentikError(failure, failed, hint);

  if (status === 400 && body !== undefined)
    return new ValidationError(failure, failed, "Correct the program and run again.", fields);
  if (status === 403 && isDetail(body)) {
    // An invalid token and a missing permission are both 403. Their messages differ, but change between versions.
    const tokenIsValid = await checkToken();
    if (tokenIsValid === false) {
      const hint = `authentik rejected the token. Create an API token (intent API, not expired, of an active user) and set it ${howToSetToken(settings.token)}.`;
      return new AuthenticationError(failure, failed, hint, connection);
    }
    const needed = viewPermission ? `${permission} or ${viewPermission}` : permission;
    const doubt = tokenIsValid ? "" : " The token may also be invalid: the request to verify it failed.";
    const hint = `The token's user lacks the permission ${needed}. Grant it to one of the user's roles.${doubt}`;
    return new PermissionError(failure, failed, hint, permission);
  }
  if (status === 404 && isDetail(body)) {
    const hint = `It does not exist, or the token's user is not allowed to view it (${permission}).`;
    return new NotFoundError(failure, failed, hint);
  }
  if (status >= 300 && status < 400)
    return toGatewayError(
      `The server redirects${formatRedirectTarget(response.location, rules)}, and redirects are not followed. Set ${settings.url} to the URL of authentik itself.`,
    );
  // authentik itself denies access with 403 and `detail` only.
  if (status === 401 || status === 403 || status === 407)
    return toGatewayError(
      `The response did not come from authentik's API. A gateway or proxy in front of it denied access. Check ${settings.headers} (the headers that it requires), ${settings.url}, and the gateway's rules.`,
    );
  if (status === 404)
    return toGatewayError(
      `The response did not come from authentik's API. Check ${settings.url}, its path, and any proxy in front of the server.`,
    );
  // An empty body with `Allow: GET, HEAD, OPTIONS`: cases `slash.post` and `invitations.create.fixed_data.nul`.
  if (status === 405)
    return toServerError(
      `Either ${settings.url} is wrong, or authentik crashed on this request, possibly after saving it. Check the server's log.`,
      true,
    );
  if (status >= 500) return toServerError("authentik failed. Check the server's log, then run again.", true);
  return toServerError(
    status === 413
      ? "A proxy in front of authentik limits the size of request bodies. Make fixedData smaller, or raise the limit."
      : "authentik rejected the request.",
  );
}

/** Only the origin: the rest of the URL may repeat the path of the request, and with it a pk. */
function formatRedirectTarget(location: string | undefined, { secrets, hasSecretBody }: QuotingRules): string {
  const origin = location && URL.canParse(location) ? new URL(location).origin : "";
  return origin === "" || hasSecretBody || repeatsSecret(origin, secrets) ? "" : ` to ${origin}`;
}

function howToSetToken(source: string): string {
  return /^\S+:\S+$/.test(source) ? `with \`pulumi config set --secret ${source} …\`` : `in ${source}`;
}
