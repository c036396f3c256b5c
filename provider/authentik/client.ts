import { z } from "zod";
import {
  AuthenticationError,
  type FailedRequest,
  NotFoundError,
  PermissionError,
  ServerError,
  UnexpectedBodyError,
  ValidationError,
  WrongAddressError,
} from "./errors";
import { printable } from "./printable";
import { type Answer, Transport, type TransportOptions, type TransportRequest } from "./transport";

export interface ClientRequest {
  readonly method: TransportRequest["method"];
  /** Path below `/api/v3/`, with a slash at its end: authentik redirects nothing (case `slash.one.get`). */
  readonly path: string;
  /** The path as messages show it, where `path` holds an invitation's pk. */
  readonly shownPath?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** What is being done, as a message begins: "The invitation could not be created". */
  readonly failure: string;
  /** The permission that authentik asks for, named where it is missing. */
  readonly permission: string;
  /** The permission to see the object, where `permission` is another: authentik answers 403 to the lack of either. */
  readonly viewPermission?: string;
  /** Texts that must not stand in a message though the server may repeat them. */
  readonly secrets?: readonly string[];
  /** The API's field names as the user knows them. */
  readonly fieldNames?: Readonly<Record<string, string>>;
}

/** A page of a list. `next` is the following page's number, 0 at the end (case `bulk.list.last-page`). */
const page = <T extends z.ZodType>(row: T) =>
  z.object({ pagination: z.object({ next: z.number() }), results: z.array(row) });

const longestWords = 500;

/** authentik's API: JSON in, JSON out, every failure a typed error. */
export class Client {
  readonly #transport: Transport;
  readonly #token: string;
  #tokenIsGood: Promise<boolean | undefined> | undefined;

  constructor(options: TransportOptions) {
    this.#transport = new Transport(options);
    this.#token = options.token;
  }

  /** Sends the request and reads its answer with `schema`. Fields that the schema does not name are left out. */
  async send<T>(request: ClientRequest, schema: z.ZodType<T>): Promise<T> {
    const answer = await this.#sendRaw(request);
    const body = parseJson(answer);
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    const words =
      body === undefined
        ? `no JSON but ${describe(answer)}`
        : parsed.error.issues.map((issue) => `${issue.path.join(".") || "the answer"}: ${issue.message}`).join("; ");
    throw new UnexpectedBodyError(
      request.failure,
      this.#failed(request, answer, words),
      body === undefined
        ? "What answers there is not authentik's API: check authentik:url (or AUTHENTIK_URL) and what stands before the server."
        : "The answer has not the form that authentik documents: look for a newer version of this package, or report it with this message.",
      body,
      parsed.error,
    );
  }

  /** Sends a DELETE. What is gone already is as good as deleted. */
  async delete(request: Omit<ClientRequest, "method">): Promise<void> {
    try {
      await this.#sendRaw({ ...request, method: "DELETE" });
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  }

  /**
   * All rows of a list. They are ordered by pk: the default order has no tie-breaker, so that its pages lose and repeat
   * rows. 100 a page is what every version gives (2026.2 gives no more, cases `bulk.list.page_size-*`).
   */
  async list<T extends z.ZodType>(request: Omit<ClientRequest, "method">, row: T): Promise<z.output<T>[]> {
    const rows: z.output<T>[] = [];
    for (let next = 1; next !== 0; ) {
      const query = { ...request.query, ordering: "pk", page_size: "100", page: String(next) };
      try {
        const answer = await this.send({ ...request, method: "GET", query }, page(row));
        rows.push(...answer.results);
        // A number that does not grow would never end.
        next = answer.pagination.next > next ? answer.pagination.next : 0;
      } catch (error) {
        // The last page went away with its rows while the others were read (case `invitations.list.page-beyond`).
        if (!(error instanceof NotFoundError) || next === 1) throw error;
        next = 0;
      }
    }
    return rows;
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #sendRaw(request: ClientRequest): Promise<Answer> {
    const query = request.query ? `?${new URLSearchParams(request.query)}` : "";
    const answer = await this.#transport.send({
      method: request.method,
      path: `/api/v3/${request.path}${query}`,
      shownPath: `/api/v3/${request.shownPath ?? request.path}`,
      body: request.body,
    });
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw await this.#failure(request, answer);
  }

  async #failure(request: ClientRequest, answer: Answer): Promise<Error> {
    const { status } = answer;
    const body = parseJson(answer);
    const failed = this.#failed(request, answer, wordsOf(answer, body, request.fieldNames ?? {}));
    const outcomeUnknown = request.method === "POST";

    if (status === 400 && body !== undefined) {
      return new ValidationError(
        request.failure,
        failed,
        "Correct the program and run again.",
        this.#fieldsIn(request, body),
      );
    }
    if (status === 401 || (status === 403 && body !== undefined)) {
      // A bad token and a missing permission are both 403 and differ in their texts only, which change between versions.
      const tokenIsGood = await this.#checkToken();
      const needed = [request.permission, ...(request.viewPermission ? [request.viewPermission] : [])].join(" or ");
      const lacking = `The token's user lacks the permission ${needed}: give it to a role of that user.`;
      if (tokenIsGood) return new PermissionError(request.failure, failed, lacking, request.permission);
      return tokenIsGood === undefined
        ? new PermissionError(
            request.failure,
            failed,
            `${lacking} Or the token is bad, which could not be asked: authentik failed on that.`,
            request.permission,
          )
        : new AuthenticationError(
            request.failure,
            failed,
            "authentik does not accept the token: make an API token (intent API, not expired, of an active user) and set it with `pulumi config set --secret authentik:token …` or AUTHENTIK_TOKEN.",
          );
    }
    if (status === 404 && isDetail(body)) {
      return new NotFoundError(
        request.failure,
        failed,
        `It does not exist, or the token's user may not see it (${request.permission}).`,
      );
    }
    if (status >= 300 && status < 400) {
      return new WrongAddressError(
        request.failure,
        failed,
        `The server redirects${originOf(answer.location)}, and redirects are not followed: set authentik:url (or AUTHENTIK_URL) to where authentik itself answers.`,
      );
    }
    if (status === 404 || (status === 403 && body === undefined)) {
      return new WrongAddressError(
        request.failure,
        failed,
        "What answered is not authentik's API: check authentik:url (or AUTHENTIK_URL), its path and what stands before the server.",
      );
    }
    if (status === 405) {
      // An empty page with `Allow: GET, HEAD, OPTIONS`: cases `slash.post` and `invitations.create.fixed_data.nul`.
      return new ServerError(
        request.failure,
        failed,
        "Either authentik:url is wrong, or authentik failed while it worked on this, maybe after saving it: look at the server's log.",
        { outcomeUnknown },
      );
    }
    if (status >= 500) {
      return new ServerError(request.failure, failed, "authentik failed: look at the server's log, then run again.", {
        outcomeUnknown,
      });
    }
    const advice =
      status === 413
        ? "A proxy before authentik takes no body of this size: make fixedData smaller, or its limit larger."
        : "authentik refused it.";
    return new ServerError(request.failure, failed, advice);
  }

  /**
   * Asks once a process, and only after a refusal, whether the token is good: any user may ask who they are. Undefined, and asked again
   * the next time, where authentik says neither.
   */
  async #checkToken(): Promise<boolean | undefined> {
    this.#tokenIsGood ??= this.#transport
      .send({ method: "GET", path: "/api/v3/core/users/me/", shownPath: "/api/v3/core/users/me/" })
      .then(
        ({ status }) => (status === 200 ? true : status === 401 || status === 403 ? false : undefined),
        () => undefined,
      );
    const isGood = await this.#tokenIsGood;
    if (isGood === undefined) this.#tokenIsGood = undefined;
    return isGood;
  }

  #failed(request: ClientRequest, answer: Answer, words: string): FailedRequest {
    return {
      method: request.method,
      path: `/api/v3/${request.shownPath ?? request.path}`,
      status: answer.status,
      // In this order: a secret that is cut in two is not found.
      words: shorten(this.#redact(request, words)),
    };
  }

  /** The server's messages by field, each as it may be shown. */
  #fieldsIn(request: ClientRequest, body: unknown): Record<string, string[]> {
    return Object.fromEntries(
      Object.entries(fieldErrors(body)).map(([field, texts]) => [
        field,
        texts.map((text) => shorten(this.#redact(request, text))),
      ]),
    );
  }

  #redact(request: ClientRequest, words: string): string {
    return [this.#token, ...(request.secrets ?? [])].reduce(
      (text, secret) => text.replaceAll(secret, "[secret]"),
      words,
    );
  }
}

function parseJson(answer: Answer): unknown {
  try {
    return answer.contentType.includes("json") ? (JSON.parse(answer.text) as unknown) : undefined;
  } catch {
    return undefined;
  }
}

function isDetail(body: unknown): body is { detail: string } {
  return typeof body === "object" && body !== null && "detail" in body && typeof body.detail === "string";
}

/** The server's messages by field. A body of another form is no reason to hide what the server said. */
function fieldErrors(body: unknown): Record<string, string[]> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return { non_field_errors: textsIn(body) };
  return Object.fromEntries(Object.entries(body).map(([field, texts]) => [field, textsIn(texts)]));
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (typeof value !== "object" || value === null) return [JSON.stringify(value)];
  return Object.entries(value).map(([key, texts]) => `${key}: ${textsIn(texts).join(" ")}`);
}

function wordsOf(answer: Answer, body: unknown, fieldNames: Readonly<Record<string, string>>): string {
  if (body === undefined) return describe(answer);
  if (isDetail(body)) return body.detail;
  const fields = Object.entries(fieldErrors(body)).map(([field, texts]) => {
    const known = Object.hasOwn(fieldNames, field) ? fieldNames[field] : field;
    const name = field === "non_field_errors" ? "" : `${known}: `;
    return name + texts.join(" ");
  });
  return fields.join("; ");
}

/** What a body that is no JSON looks like to a person: the title of a page, the beginning of a text. */
function describe(answer: Answer): string {
  if (answer.text.trim() === "") return "an empty page";
  const title = /<title>([^<]*)<\/title>/i.exec(answer.text)?.[1]?.trim();
  if (answer.contentType.includes("html")) return title ? `an HTML page, "${title}"` : "an HTML page";
  return answer.text;
}

function shorten(text: string): string {
  const line = printable(text);
  return line.length > longestWords ? `${line.slice(0, longestWords)}…` : line;
}

/** Only the origin: the rest of the address may hold what the request's path held. */
function originOf(location: string | undefined): string {
  return location && URL.canParse(location) ? ` to ${new URL(location).origin}` : "";
}
