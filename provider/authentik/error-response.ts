import { toPrintableLine } from "../common/printable";
import { isJsonObject } from "../values/json";
import { repeatsSecret } from "./secret-echo";
import type { HttpResponse } from "./transport";

export interface QuotingRules {
  /** Strings of the request that a response may repeat: the token, header values, an invitation's pk. */
  readonly secrets: readonly string[];
  /** Whether the request's body contains values that the program declares as secrets. */
  readonly hasSecretBody: boolean;
  /** API field names and the inputs they correspond to. */
  readonly fieldNames: Readonly<Record<string, string>>;
  /** The API fields of the request's body. */
  readonly bodyFields: readonly string[];
}

const maxLength = 500;
const withheld = "(not shown, because it may repeat a secret of the request)";

/**
 * Describes an error response. Only JSON is quoted, and only if it cannot repeat a secret: a proxy or a firewall may echo the request in any form and
 * encoding. `fields` are authentik's messages by API field, for a rejected body.
 */
export function describeErrorResponse(response: HttpResponse, body: unknown, rules: QuotingRules) {
  if (body === undefined) return { detail: describeBody(response, rules), fields: {} };
  if (isDetail(body)) return { detail: quote(body.detail, rules), fields: {} };
  const fields = Object.fromEntries(
    Object.entries(isJsonObject(body) ? body : { non_field_errors: body }).flatMap(([field, messages]) => {
      // The name of a field may be an echo as well.
      const name = isKnownField(field, rules) ? field : quote(field, rules);
      return name === withheld ? [] : [[name, messagesIn(messages).map((message) => quote(message, rules))] as const];
    }),
  );
  const parts = Object.entries(fields).map(([field, messages]) => {
    const input = Object.hasOwn(rules.fieldNames, field) ? rules.fieldNames[field] : field;
    const text = [...new Set(messages)].join(" ");
    return field === "non_field_errors" ? text : `${input}: ${text}`;
  });
  return { detail: parts.length > 0 ? parts.join("; ") : withheld, fields };
}

/** Describes a body without quoting it: a success may contain the pk of a new invitation, and any other one the request. */
export function describeBody(response: HttpResponse, rules: Pick<QuotingRules, "secrets">): string {
  const { text, contentType } = response;
  if (text.trim() === "") return "an empty body";
  if (contentType.includes("html")) return "an HTML page";
  if (isJsonType(contentType))
    return parseJson(response) === undefined ? "incomplete or invalid JSON" : "unexpected JSON";
  const isPlainType = /^[a-z]+\/[a-z.+-]{1,40}$/.test(contentType) && !repeatsSecret(contentType, rules.secrets);
  return `a body of ${isPlainType ? `the type ${contentType}` : "an unknown type"}`;
}

/** Whether a body is authentik's error about a whole request. Problem details (RFC 9457) of a gateway have more fields than `detail`. */
export function isDetail(body: unknown): body is { detail: string } {
  if (typeof body !== "object" || body === null || Object.keys(body).length !== 1) return false;
  return "detail" in body && typeof body.detail === "string";
}

/** `undefined` if it is not JSON. */
export function parseJson(response: HttpResponse): unknown {
  try {
    return isJsonType(response.contentType) ? (JSON.parse(response.text) as unknown) : undefined;
  } catch {
    return undefined;
  }
}

function isJsonType(contentType: string): boolean {
  return /^application\/(?:[\w.+-]*\+)?json\b/.test(contentType);
}

function isKnownField(field: string, { bodyFields, fieldNames }: QuotingRules): boolean {
  return field === "non_field_errors" || bodyFields.includes(field) || Object.hasOwn(fieldNames, field);
}

/** The strings in a value, whatever its shape. */
function messagesIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(messagesIn);
  if (typeof value !== "object" || value === null) return [JSON.stringify(value)];
  return Object.entries(value).map(([key, messages]) => `${key}: ${messagesIn(messages).join(" ")}`);
}

function quote(message: string, { secrets, hasSecretBody }: QuotingRules): string {
  const start = message.slice(0, maxLength * 2);
  if (hasSecretBody || repeatsSecret(start, secrets)) return withheld;
  const line = toPrintableLine(start)
    .split(/([\s"'<>(),;]+)/)
    .map((part) => (isOpaque(part) ? "[…]" : part))
    .join("");
  return truncate(line);
}

/** Shortens a line, for example if each of many rows is invalid. */
export function truncate(line: string): string {
  return line.length > maxLength ? `${line.slice(0, maxLength)}…` : line;
}

/** Whether a word may be an encoded secret: long, with letters and digits. authentik's messages have none but the UUIDs of flows and stages. */
function isOpaque(word: string): boolean {
  return word.length >= 16 && /\d/.test(word) && /[A-Za-z]/.test(word);
}
