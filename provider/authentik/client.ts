import * as z from "zod";
import { log } from "../common/log";
import { createNonce } from "../common/origin";
import { toPrintableLine } from "../common/printable";
import { describeBody, isDetail, parseJson, type QuotingRules, truncate } from "./error-response";
import { type FailedRequest, InvalidResponseError, ifFound } from "./errors";
import { toResponseError } from "./response-error";
import { type HttpResponse, Transport, type TransportOptions, type TransportRequest } from "./transport";
import { formatUserAgent } from "./user-agent";

export interface ClientRequest
  extends Pick<TransportRequest, "method" | "body" | "publicUrl" | "isReadOnly" | "secrets"> {
  /** Path below `/api/v3/`. The trailing slash is required: authentik does not redirect (case `slash.one.get`). */
  readonly path: string;
  /** The path for messages, where `path` contains an invitation's pk. */
  readonly redactedPath?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** How an error message starts: "Could not create the invitation". */
  readonly failure: string;
  /** The permission that authentik requires, named in the error when it is missing. */
  readonly permission: string;
  /** The permission to view the object, if `permission` is another one: authentik returns 403 when either is missing. */
  readonly viewPermission?: string;
  /** API field names and the inputs they correspond to. */
  readonly fieldNames?: Readonly<Record<string, string>>;
}

export interface ListPage<Row> {
  readonly rows: readonly Row[];
  /** The next page's number, 0 on the last page. */
  readonly next: number;
  readonly totalPages: number;
}

/** `next` is 0 on the last page (case `bulk.list.last-page`). */
const wireListPage = <T extends z.ZodType>(row: T) =>
  z.object({
    pagination: z.object({ next: z.number(), total_pages: z.number().optional() }),
    results: z.array(row),
  });

/** Few enough to leave the server's workers to other clients. */
const concurrentPages = 4;

/** Pages of a list before it counts as endless: 500,000 rows on authentik 2026.2 and later. */
const maxPages = 5000;

/** What all clients of one connection share. */
interface Session {
  readonly transport: Transport;
  tokenIsValid: Promise<boolean | undefined> | undefined;
  /** Whether an error has said that the token is invalid, and how to replace it. */
  isTokenErrorReported: boolean;
}

/** What the requests of one client have in common. */
interface RequestDefaults {
  readonly source: string;
  readonly nonce?: string | undefined;
  readonly withholdsText?: boolean;
  readonly ignoresCancellation?: boolean;
  readonly retriedFor?: number;
}

/** authentik's API: sends and receives JSON, and turns every failure into a typed error. */
export class Client {
  readonly #session: Session;
  readonly #defaults: RequestDefaults;

  static connect(options: TransportOptions): Client {
    const transport = new Transport(options);
    return new Client({ transport, tokenIsValid: undefined, isTokenErrorReported: false }, { source: "" });
  }

  private constructor(session: Session, defaults: RequestDefaults) {
    this.#session = session;
    this.#defaults = defaults;
  }

  /**
   * The same client for requests from another source, such as `project/stack; tag`. Requests have a random nonce in their User-Agent, unless
   * `nonce` is set.
   */
  from(source: string, nonce?: string): Client {
    return new Client(this.#session, { ...this.#defaults, source, nonce });
  }

  /** The same client for requests whose bodies contain secrets. Its errors quote nothing of the server's messages. */
  withholdingText(withholdsText: boolean): Client {
    return new Client(this.#session, { ...this.#defaults, withholdsText });
  }

  /** The same client for requests that find out what another one did. They are sent even after the run was cancelled. */
  ignoringCancellation(): Client {
    return new Client(this.#session, { ...this.#defaults, ignoresCancellation: true });
  }

  /** The same client for requests that are retried for at most this time, in milliseconds. */
  retryingFor(retriedFor: number): Client {
    return new Client(this.#session, { ...this.#defaults, retriedFor });
  }

  /** Sends the request and parses its response with `schema`. Fields that are not in the schema are dropped. */
  async send<T>(request: ClientRequest, schema: z.ZodType<T>): Promise<T> {
    const response = await this.#sendRaw(request);
    const body = parseJson(response);
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    if (body === undefined) throw this.#toUnexpectedBody(request, response, "JSON");
    const issues = parsed.error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`).join("; ");
    throw new InvalidResponseError(
      request.failure,
      this.#describeRequest(request, response, issues),
      "The response does not match authentik's API schema. Update this package, or report this message as an issue.",
    );
  }

  /**
   * Sends a POST that creates an object. A 201 with a pk is a creation, whatever else another version of authentik returns: fields that do not match
   * `schema` are taken from the request's body, with a warning.
   */
  async create<T>(
    request: Omit<ClientRequest, "method"> & { readonly body: Readonly<Record<string, unknown>> },
    schema: z.ZodType<T>,
  ): Promise<T> {
    const whole = z.unknown().transform((body, context): T => {
      const parsed = schema.safeParse(body);
      if (parsed.success) return parsed.data;
      const invalid = new Set(parsed.error.issues.map(({ path: [field] }) => String(field)));
      const adopted = invalid.has("pk") ? parsed : schema.safeParse(replaceFields(body, invalid, request.body));
      if (!adopted.success) {
        for (const { path, message } of parsed.error.issues) context.addIssue({ code: "custom", path, message });
        return z.NEVER;
      }
      log.warn(
        toPrintableLine(
          `POST /api/v3/${request.path}: authentik created the object, but its response does not match the API schema (${[...invalid].join(", ")}). These fields are assumed to be as sent. Update this package.`,
        ),
      );
      return adopted.data;
    });
    return await this.send({ ...request, method: "POST" }, whole);
  }

  /** Sends a request that authentik confirms with 204 and no body. */
  async sendForNoContent(request: ClientRequest): Promise<void> {
    const response = await this.#sendRaw(request);
    // A proxy's login page may have status 200.
    if (response.status !== 204) throw this.#toUnexpectedBody(request, response, "an empty body with status 204");
  }

  /** Sends a DELETE. Succeeds if authentik says that it deleted the object (204), or that it does not exist. */
  async delete(request: Omit<ClientRequest, "method">): Promise<void> {
    await ifFound(this.sendForNoContent({ ...request, method: "DELETE" }));
  }

  /**
   * One page of a list, ordered by pk: the default order has no tie-breaker, so its pages lose and repeat rows. Asks for the largest page that
   * every version returns in reasonable time: 500 rows on 2024.8, 100 from 2026.2 on (cases `bulk.list.page_size-*`).
   */
  async listPage<T extends z.ZodType>(
    request: Omit<ClientRequest, "method">,
    row: T,
    page: number,
  ): Promise<ListPage<z.output<T>>> {
    const query = { ...request.query, ordering: "pk", page_size: "500", page: String(page) };
    const { results, pagination } = await this.send({ ...request, method: "GET", query }, wireListPage(row));
    // A page number that does not increase would loop forever.
    const next = pagination.next > page ? pagination.next : 0;
    return { rows: results, next, totalPages: Math.max(page, pagination.total_pages ?? next) };
  }

  /** All rows of a list, ordered by pk. `first` is its first page, if that has been read already. */
  async list<T extends z.ZodType>(
    request: Omit<ClientRequest, "method">,
    row: T,
    first?: ListPage<z.output<T>>,
  ): Promise<z.output<T>[]> {
    const pages = [first ?? (await this.listPage(request, row, 1))];
    let next = pages[0]?.next ?? 0;
    while (next !== 0) {
      if (isEndless(pages)) {
        const detail = `the list does not end after ${pages.length} pages`;
        throw this.#toInvalidResponse(request, { method: "GET", path: displayPath(request), detail });
      }
      // Pages are read concurrently. The last ones may not exist any more, because rows were deleted meanwhile (case
      // `invitations.list.page-beyond`).
      const known = Math.max(next, pages.at(-1)?.totalPages ?? next);
      const numbers = Array.from({ length: Math.min(concurrentPages, known - next + 1) }, (_, index) => next + index);
      const read = await Promise.all(numbers.map((page) => ifFound(this.listPage(request, row, page))));
      for (const page of read) if (page) pages.push(page);
      next = read.at(-1)?.next ?? 0;
    }
    return pages.flatMap(({ rows }) => rows);
  }

  async close(): Promise<void> {
    await this.#session.transport.close();
  }

  async #sendRaw(request: ClientRequest): Promise<HttpResponse> {
    const query = request.query ? `?${new URLSearchParams(request.query)}` : "";
    const response = await this.#session.transport.send({
      method: request.method,
      path: `/api/v3/${request.path}${query}`,
      redactedPath: displayPath(request),
      userAgent: this.#userAgent(),
      secrets: request.secrets,
      body: request.body,
      publicUrl: request.publicUrl,
      isReadOnly: request.isReadOnly,
      ignoresCancellation: this.#defaults.ignoresCancellation,
      retriedFor: this.#defaults.retriedFor,
    });
    if (response.status >= 200 && response.status < 300) return response;
    throw await toResponseError(request, response, {
      describe: (detail) => this.#describeRequest(request, response, detail),
      rules: this.#rules(request),
      settings: this.#session.transport.settingNames,
      connection: this.#session,
      checkToken: () => this.#checkToken(),
    });
  }

  #toInvalidResponse({ failure }: Pick<ClientRequest, "failure">, failed: FailedRequest): InvalidResponseError {
    const hint = `The response did not come from authentik's API. Check ${this.#session.transport.settingNames.url} and any proxy in front of the server.`;
    return new InvalidResponseError(failure, failed, hint);
  }

  #toUnexpectedBody(request: ClientRequest, response: HttpResponse, expected: string): InvalidResponseError {
    const detail = `expected ${expected}, received ${describeBody(response, this.#rules(request))}`;
    return this.#toInvalidResponse(request, this.#describeRequest(request, response, detail));
  }

  /**
   * Verifies the token with `core/users/me/`, which every user may read. Sent only after a 403, and once per process unless it fails.
   * `undefined` if the response does not say.
   */
  async #checkToken(): Promise<boolean | undefined> {
    const path = "/api/v3/core/users/me/";
    const session = this.#session;
    session.tokenIsValid ??= session.transport
      .send({ method: "GET", path, redactedPath: path, userAgent: this.#userAgent() })
      .then(
        (response) => {
          const body = parseJson(response);
          if (response.status === 403) return isDetail(body) ? false : undefined;
          return response.status === 200 && body !== undefined ? true : undefined;
        },
        () => undefined,
      );
    const isValid = await session.tokenIsValid;
    if (isValid === undefined) session.tokenIsValid = undefined;
    return isValid;
  }

  #userAgent(): string {
    return formatUserAgent(this.#defaults.source, this.#defaults.nonce ?? createNonce());
  }

  #describeRequest(request: ClientRequest, response: HttpResponse, detail: string): FailedRequest {
    return {
      method: request.method,
      path: displayPath(request),
      status: response.status,
      requestId: this.#defaults.withholdsText && request.body !== undefined ? undefined : response.requestId,
      detail: truncate(detail),
    };
  }

  #rules(request: ClientRequest): QuotingRules {
    const { body, secrets = [], fieldNames = {} } = request;
    return {
      secrets: [...this.#session.transport.secrets, ...secrets],
      hasSecretBody: this.#defaults.withholdsText === true && body !== undefined,
      fieldNames,
      bodyFields: typeof body === "object" && body !== null ? Object.keys(body) : [],
    };
  }
}

function displayPath({ path, redactedPath = path }: Pick<ClientRequest, "path" | "redactedPath">): string {
  return `/api/v3/${redactedPath}`;
}

/** Whether a page that is not the last one is empty or repeats the one before it, or there are too many. */
function isEndless(pages: readonly ListPage<unknown>[]): boolean {
  const [before, last] = pages.slice(-2);
  const isRepeated = last !== undefined && JSON.stringify(last.rows) === JSON.stringify(before?.rows);
  return pages.length > maxPages || pages.at(-1)?.rows.length === 0 || isRepeated;
}

/** The body with these fields as the request has them; without those that it does not have. */
function replaceFields(body: unknown, fields: ReadonlySet<string>, sent: Readonly<Record<string, unknown>>): unknown {
  if (typeof body !== "object" || body === null) return body;
  const kept = Object.entries(body).filter(([field]) => !fields.has(field));
  return Object.fromEntries([...kept, ...Object.entries(sent).filter(([field]) => fields.has(field))]);
}
