import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AuthentikVersion } from "./index";
import { isObject, type Json, type JsonObject, parseJson, stringifyJson } from "./json";

/** One recorded request to a real server, and its answer. */
export interface Exchange {
  case: string;
  method: string;
  path: string;
  query: string;
  /** Whose token it carried; the shorter recordings do not say. */
  auth: string | null;
  /** A text of its own, JSON, or nothing. */
  requestBody: Buffer | undefined;
  contentType: string | undefined;
  status: number;
  headers: { "content-type"?: string; allow?: string };
  responseBody: Json;
}

export const recordingNames = ["exchanges", "events", "enrollment"] as const;
export type RecordingName = (typeof recordingNames)[number];

export function readRecording(recording: RecordingName, version: AuthentikVersion): Exchange[] {
  const file = join(__dirname, "..", "recordings", `${recording}-${version}.jsonl`);
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => toExchange(parseJson(line) as JsonObject));
}

function toExchange(line: JsonObject): Exchange {
  const requestBody = line["requestBody"] ?? null;
  const name = line["case"] as string;
  const withType = !("requestContentType" in line) || line["requestContentType"] !== null;
  return {
    case: name,
    method: line["method"] as string,
    path: line["path"] as string,
    query: line["query"] as string,
    auth: (line["auth"] as string | undefined) ?? null,
    requestBody: requestBody === null ? undefined : encodeRequestBody(name, requestBody),
    contentType:
      requestBody === null || !withType
        ? undefined
        : ((line["requestContentType"] as string | undefined) ?? "application/json"),
    status: line["status"] as number,
    headers: line["headers"] as Exchange["headers"],
    responseBody: line["responseBody"] ?? null,
  };
}

function encodeRequestBody(name: string, body: Json): Buffer {
  if (isObject(body) && typeof body["$raw"] === "string") {
    // `\xff` stands for that byte (body.bad-utf8).
    const [start = "", ...rest] = body["$raw"].split("\\xff");
    const bytes = [Buffer.from(start), ...rest.flatMap((part) => [Buffer.from([0xff]), Buffer.from(part)])];
    return Buffer.concat(bytes);
  }
  if (isObject(body) && typeof body["$bytes"] === "number") return regenerateLargeBody(name, body["$bytes"]);
  return Buffer.from(stringifyJson(body));
}

/** Bodies that were too long to keep: `rec-large` with a text of so many `z`, or a stage's name of so many `y`. */
function regenerateLargeBody(name: string, bytes: number): Buffer {
  const [start, filling, end] = name.startsWith("stages.")
    ? ['{"name": "rec', "y", '"}']
    : ['{"name": "rec-large", "fixed_data": {"v": "', "z", '"}}'];
  return Buffer.from(start + filling.repeat(bytes - start.length - end.length) + end);
}
