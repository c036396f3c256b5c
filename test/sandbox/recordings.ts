import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AuthentikVersion } from "../../sandbox";
import { isObject, type Json, type JsonObject, parseJson, stringifyJson } from "../../sandbox/json";

/** A request to a real server, with the server's response. */
export interface Exchange {
  case: string;
  method: string;
  path: string;
  query: string;
  /** The name of the token's user. Only `exchanges-*.jsonl` contain it. */
  auth: string | null;
  requestBody: Buffer | undefined;
  contentType: string | undefined;
  userAgent: string;
  status: number;
  headers: { "content-type"?: string | null; allow?: string };
  responseBody: Json;
}

export type RecordingName = "exchanges" | "events" | "enrollment" | "email" | "field";

/** Only authentik 2026.5 can send invitations by email. */
export function recordingsOf(version: AuthentikVersion): RecordingName[] {
  return ["exchanges", "events", "enrollment", "field", ...(version === "2026.5" ? (["email"] as const) : [])];
}

export function readRecording(recording: RecordingName, version: AuthentikVersion): Exchange[] {
  const file = join(__dirname, "..", "recordings", `${recording}-${version}.jsonl`);
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => toExchange(parseJson(line) as JsonObject));
}

function toExchange(line: JsonObject): Exchange {
  const requestBody = line["requestBody"] ?? null;
  const caseName = line["case"] as string;
  const hasContentType = !("requestContentType" in line) || line["requestContentType"] !== null;
  return {
    case: caseName,
    method: line["method"] as string,
    path: line["path"] as string,
    query: line["query"] as string,
    auth: (line["auth"] as string | undefined) ?? null,
    requestBody: requestBody === null ? undefined : encodeRequestBody(caseName, requestBody),
    contentType:
      requestBody === null || !hasContentType
        ? undefined
        : ((line["requestContentType"] as string | undefined) ?? "application/json"),
    userAgent: (line["userAgent"] as string | undefined) ?? "Python-urllib/3.11",
    status: line["status"] as number,
    headers: line["headers"] as Exchange["headers"],
    responseBody: line["responseBody"] ?? null,
  };
}

function encodeRequestBody(caseName: string, body: Json): Buffer {
  if (isObject(body) && typeof body["$raw"] === "string") {
    // `\xff` represents that byte (body.bad-utf8).
    const [start = "", ...rest] = body["$raw"].split("\\xff");
    const bytes = [Buffer.from(start), ...rest.flatMap((part) => [Buffer.from([0xff]), Buffer.from(part)])];
    return Buffer.concat(bytes);
  }
  if (isObject(body) && typeof body["$bytes"] === "number") return regenerateLargeBody(caseName, body["$bytes"]);
  return Buffer.from(stringifyJson(body));
}

/** Regenerates a body that was too long to record: fixed data with a long string of `z`, or a stage name of many `y`. */
function regenerateLargeBody(caseName: string, bytes: number): Buffer {
  const [start, padding, end] = caseName.startsWith("stages.")
    ? ['{"name": "rec', "y", '"}']
    : ['{"name": "rec-large", "fixed_data": {"v": "', "z", '"}}'];
  return Buffer.from(start + padding.repeat(bytes - start.length - end.length) + end);
}
