import { randomUUID } from "node:crypto";
import { pythonTypeName } from "./fields";
import { isObject, type Json, JsonError, type JsonObject, parseJson } from "./json";
import { apiError, notRecorded, ServerCrash } from "./responses";
import type { User } from "./users";
import type { VersionBehavior } from "./versions";

/** One request, as far as the rooms need it. */
export class ApiRequest {
  /** Set once the token was looked at. */
  user: User | null = null;
  readonly query: URLSearchParams;
  /** Ties the events of one request together (events.used.search-hex). */
  readonly id = randomUUID();

  constructor(
    readonly behavior: VersionBehavior,
    readonly method: string,
    readonly path: string,
    query: string,
    readonly headers: Record<string, string | string[] | undefined>,
    private readonly body: Buffer,
  ) {
    this.query = new URLSearchParams(query);
  }

  header(name: string): string | undefined {
    const value = this.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** The last one counts (list.name.twice). */
  parameter(name: string): string | undefined {
    return this.query.getAll(name).at(-1);
  }

  /** The fields of the body; whoever sends none, sends an empty object (body.no-body). */
  bodyFields(): JsonObject {
    const value = this.parseBody();
    if (value === null) throw apiError(400, { non_field_errors: ["No data provided"] });
    if (!isObject(value)) {
      throw apiError(400, {
        non_field_errors: [`Invalid data. Expected a dictionary, but got ${pythonTypeName(value)}.`],
      });
    }
    return value;
  }

  private parseBody(): Json {
    if (this.body.length === 0) return {};
    const type = this.header("content-type") ?? "";
    if (type.split(";")[0]?.trim().toLowerCase() !== "application/json") {
      throw apiError(415, { detail: `Unsupported media type "${type}" in request.` });
    }
    try {
      return parseJson(this.decodeBody());
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      throw apiError(400, { detail: `JSON parse error - ${error.message}` });
    }
  }

  private decodeBody(): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.body);
    } catch {
      if (!this.behavior.reportsInvalidUtf8) throw new ServerCrash("the body is not UTF-8");
      throw new JsonError(invalidUtf8Error(this.body));
    }
  }

  /** What the client sent as its name. */
  get userAgent(): string {
    return this.header("user-agent") ?? "";
  }

  /** Only JSON is spoken (accept.html, accept.xml, accept.format-query). */
  acceptsJson(): boolean {
    const format = this.parameter("format");
    if (format !== undefined && format !== "json") throw notRecorded(`the format ${JSON.stringify(format)}`);
    const accept = this.header("accept");
    return accept === undefined || /application\/json|application\/\*|\*\/\*/.test(accept);
  }
}

/** Python's words for the first byte that is no UTF-8 (body.bad-utf8). */
function invalidUtf8Error(body: Buffer): string {
  let good = 0;
  // Character by character: what is bad is short in practice.
  while (good < body.length) {
    const length = [1, 2, 3, 4].find((bytes) => isValidUtf8(body.subarray(good, good + bytes)));
    if (length === undefined) break;
    good += length;
  }
  const byte = body[good] ?? 0;
  const start = (byte >= 0x80 && byte < 0xc2) || byte > 0xf4;
  if (!start) throw notRecorded("a body with half a character");
  return `'utf-8' codec can't decode byte 0x${byte.toString(16)} in position ${good}: invalid start byte`;
}

function isValidUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
