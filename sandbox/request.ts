import { randomUUID } from "node:crypto";
import { pythonTypeName } from "./fields";
import { isObject, type Json, JsonError, type JsonObject, parseJson } from "./json";
import { apiError, notRecorded, ServerCrash } from "./responses";
import type { User } from "./users";
import type { VersionBehavior } from "./versions";

/** A request to the API. */
export class ApiRequest {
  /** Set by authentication. Stays null for an anonymous request. */
  user: User | null = null;
  readonly query: URLSearchParams;
  /** The `request_id` that all events of this request share (events.used.search-hex). */
  readonly id = randomUUID();

  constructor(
    readonly behavior: VersionBehavior,
    readonly method: string,
    readonly path: string,
    query: string,
    readonly headers: Record<string, string | string[] | undefined>,
    private readonly body: Buffer,
    readonly scheme: "http" | "https",
  ) {
    this.query = new URLSearchParams(query);
  }

  header(name: string): string | undefined {
    const value = this.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** If a parameter is repeated, its last value wins (list.name.twice). */
  parameter(name: string): string | undefined {
    return this.query.getAll(name).at(-1);
  }

  /** The fields of the body. An empty body counts as an empty object (body.no-body). */
  bodyFields(): JsonObject {
    const value = this.parsedBody();
    if (value === null) throw apiError(400, { non_field_errors: ["No data provided"] });
    if (!isObject(value)) {
      throw apiError(400, {
        non_field_errors: [`Invalid data. Expected a dictionary, but got ${pythonTypeName(value)}.`],
      });
    }
    return value;
  }

  /** The body without further validation. An empty body counts as an empty object. */
  parsedBody(): Json {
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

  get userAgent(): string {
    return this.header("user-agent") ?? "";
  }

  /** Content negotiation: JSON is the only media type (accept.html, accept.xml, accept.format-query). */
  acceptsJson(): boolean {
    const format = this.parameter("format");
    if (format !== undefined && format !== "json") throw notRecorded(`the format ${JSON.stringify(format)}`);
    const accept = this.header("accept");
    return accept === undefined || /application\/json|application\/\*|\*\/\*/.test(accept);
  }
}

/** Python's error message for the first byte that is not valid UTF-8 (body.bad-utf8). */
function invalidUtf8Error(body: Buffer): string {
  let validBytes = 0;
  while (validBytes < body.length) {
    const length = [1, 2, 3, 4].find((bytes) => isValidUtf8(body.subarray(validBytes, validBytes + bytes)));
    if (length === undefined) break;
    validBytes += length;
  }
  const byte = body[validBytes] ?? 0;
  const isInvalidStart = (byte >= 0x80 && byte < 0xc2) || byte > 0xf4;
  if (!isInvalidStart) throw notRecorded("a body with an incomplete UTF-8 sequence");
  return `'utf-8' codec can't decode byte 0x${byte.toString(16)} in position ${validBytes}: invalid start byte`;
}

function isValidUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
