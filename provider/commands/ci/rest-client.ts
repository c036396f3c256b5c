import * as z from "zod";
import { UserError } from "../../lifecycle/user-error";
import { messageOf, parseJsonAs } from "../command";
import { redactLine } from "./redact";

const timeoutMs = 60_000;
const pageSize = 100;

export type Row = Readonly<Record<string, unknown>>;

/** Sends requests to the REST API of a forge. HTTP proxies of the environment apply. */
export class RestClient {
  /** A token is not shown if the client is inspected. */
  readonly #headers: Readonly<Record<string, string>>;

  constructor(
    private readonly baseUrl: string,
    headers: Readonly<Record<string, string>>,
    /** The parameter for the size of a page. */
    private readonly sizeParameter = "per_page",
  ) {
    this.#headers = headers;
  }

  async send(method: string, path: string, body?: object): Promise<unknown> {
    const { default: undici } = await import("undici");
    const url = `${this.baseUrl}${path}`;
    const request = `${method} ${new URL(url).pathname}`;
    const dispatcher = new undici.EnvHttpProxyAgent();
    try {
      const response = await undici.fetch(url, {
        method,
        headers: { ...this.#headers, "content-type": "application/json", "user-agent": "pulumi-authentik-invitations" },
        body: body === undefined ? null : JSON.stringify(body),
        // A redirect could lead the token to another server.
        redirect: "error",
        signal: AbortSignal.timeout(timeoutMs),
        dispatcher,
      });
      const content = await response.text();
      if (!response.ok) throw new UserError(`${request} failed with status ${response.status}.${reasonIn(content)}`);
      return content === "" ? undefined : JSON.parse(content);
    } catch (error) {
      if (error instanceof UserError) throw error;
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      throw new UserError(`${request} failed: ${redactLine(messageOf(cause))}`);
    } finally {
      await dispatcher.close();
    }
  }

  async *list(path: string): AsyncGenerator<Row> {
    const query = `${path}${path.includes("?") ? "&" : "?"}${this.sizeParameter}=${pageSize}`;
    for (let page = 1; ; page += 1) {
      const rows = await this.send("GET", `${query}&page=${page}`);
      if (!Array.isArray(rows) || rows.length === 0) return;
      // A server can return fewer rows than it was asked for, so only an empty page is certainly the last one.
      yield* rows as Row[];
    }
  }
}

/** The error message of a response. All three forges name it so. */
function reasonIn(content: string): string {
  const message = parseJsonAs(content, z.object({ message: z.string() }))?.message;
  return message === undefined ? "" : ` ${redactLine(message.replace(/\s+/g, " ")).slice(0, 200)}`;
}
