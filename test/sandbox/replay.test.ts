import * as http from "node:http";
import { Authentik, authentikVersions } from "../../sandbox";
import { isObject, type Json, type JsonObject, parseJson } from "../../sandbox/json";
import { ResponseComparison, sortTiedRows } from "./comparison";
import { RecordingSetup } from "./recording-setup";
import { type Exchange, readRecording, recordingsOf } from "./recordings";

/** Adjusts lists before the comparison, where they depend on unrecorded objects or on the undefined order of tied rows. */
const adjustments: Record<string, (recorded: JsonObject, actual: JsonObject, comparison: ResponseComparison) => void> =
  {
    // The embedded authentik only has the default flows that the recordings show, so the number of flows is not compared.
    "flows.list": (recorded, actual) => {
      const results = recorded["results"] as JsonObject;
      results["$rows"] = (actual["results"] as Json[]).length;
      recorded["pagination"] = actual["pagination"] as Json;
    },
    // Any of the tied rows can be the first one.
    "auth.viewer.list": moveRecordedRowFirst,
    ...Object.fromEntries(
      ["default", 100, 101, 200, 500, 1000, 5000].map((size) => [`bulk.list.page_size-${size}`, acceptAnyName]),
    ),
    "field.email.event": acceptLayoutWithLink,
  };

/** The layout of an email is not imitated, only its link. */
function acceptLayoutWithLink(recorded: JsonObject, actual: JsonObject, comparison: ResponseComparison): void {
  const context = (body: JsonObject): JsonObject => (body["results"] as JsonObject[])[0]?.["context"] as JsonObject;
  const href = (body: JsonObject): string | undefined => /href="[^"]*"/.exec(String(context(body)["body"]))?.[0];
  if (comparison.withActualValues(href(recorded) ?? "") === href(actual)) {
    context(recorded)["body"] = context(actual)["body"] as Json;
  }
}

/** Accepts any of the bulk invitations as the first row. */
function acceptAnyName(recorded: JsonObject, actual: JsonObject): void {
  const first = (recorded["results"] as JsonObject)["first"] as JsonObject;
  const actualFirst = (actual["results"] as JsonObject[])[0];
  if (!/^rec-bulk-\d{5}$/.test(String(actualFirst?.["name"]))) return;
  first["name"] = actualFirst?.["name"] as Json;
  first["pk"] = actualFirst?.["pk"] as Json;
}

/** Moves the row with the recorded name to the front, if it is tied with the first row. */
function moveRecordedRowFirst(recorded: JsonObject, actual: JsonObject): void {
  const results = recorded["results"];
  if (!isObject(results)) return;
  const rows = actual["results"] as JsonObject[];
  const name = (results["first"] as JsonObject)["name"];
  const index = rows.findIndex((row) => row["name"] === name && row["expires"] === rows[0]?.["expires"]);
  if (index > 0) rows.unshift(...rows.splice(index, 1));
}

/** `Authorization` headers that were not recorded, as inferred from the case's name and response. */
const authorizationHeaders: Record<string, (token: string) => string> = {
  "auth.header.scheme": (token) => `Token ${token}`,
  "auth.header.basic": (token) => `Basic ${Buffer.from(`akadmin:${token}`).toString("base64")}`,
  "auth.header.no-credential": () => "Bearer",
  "auth.header.one-word": (token) => token,
  "auth.header.two-spaces": (token) => `Bearer  ${token}`,
  "auth.header.lower-case-scheme": (token) => `bearer ${token}`,
};

const acceptHeaders: Record<string, string> = { "accept.html": "text/html", "accept.xml": "application/xml" };

/** `Host` headers that were not recorded, but that later responses show. */
const hostHeaders: Record<string, string> = { "field.email.send": "127.0.0.1:9055" };

interface ActualResponse {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
}

for (const version of authentikVersions) {
  for (const recording of recordingsOf(version)) {
    const exchanges = readRecording(recording, version);
    describe(`${recording} of authentik ${version}`, () => {
      const comparison = new ResponseComparison();
      const jar: { cookie?: string } = {};
      let authentik: Authentik;
      let setup: RecordingSetup;
      let steps: Record<string, () => unknown>;

      beforeAll(async () => {
        authentik = await Authentik.start({ version });
        setup = new RecordingSetup(authentik, exchanges);
        steps = setup.steps(recording);
      });
      afterAll(() => authentik.close());

      exchanges.forEach((exchange, index) => {
        const caseName = exchange.case;
        test(`${index} ${caseName}`, async () => {
          await steps[caseName]?.();
          const actual = await replay(authentik, setup, comparison, exchange, jar);
          expect(compare(exchange, actual, comparison)).toEqual([]);
        });
      });
    });
  }
}

/** Returns one line per difference between the recorded and the actual response. */
function compare(exchange: Exchange, actual: ActualResponse, comparison: ResponseComparison): string[] {
  const differences: string[] = [];
  if (actual.status !== exchange.status) {
    return [`status: ${exchange.status}, actual: ${actual.status}: ${actual.text.slice(0, 300)}`];
  }
  // events-*.jsonl and enrollment-*.jsonl do not contain the Allow header.
  const hasAllow = exchange.auth !== null || exchange.headers.allow !== undefined;
  const recordedHeaders = hasAllow ? (["content-type", "allow"] as const) : (["content-type"] as const);
  for (const name of recordedHeaders) {
    if ((exchange.headers[name] ?? undefined) !== actual.headers[name]) {
      differences.push(`${name}: ${exchange.headers[name]}, actual: ${actual.headers[name]}`);
    }
  }
  return [...differences, ...compareBodies(exchange, actual, comparison)];
}

function compareBodies(exchange: Exchange, actual: ActualResponse, comparison: ResponseComparison): string[] {
  const recorded = exchange.responseBody;
  if (recorded === null) return actual.text === "" ? [] : [`body: empty, actual: ${actual.text.slice(0, 300)}`];
  if (isObject(recorded) && recorded["$html"] === true) {
    return actual.text.includes("<!DOCTYPE html>") ? [] : [`body: an HTML page, actual: ${actual.text.slice(0, 300)}`];
  }
  if (!/^application\/json/.test(exchange.headers["content-type"] ?? "")) {
    return actual.text === recorded ? [] : [`body: ${String(recorded)}, actual: ${actual.text.slice(0, 300)}`];
  }
  const body = parseJson(actual.text);
  adjustments[exchange.case]?.(recorded as JsonObject, body as JsonObject, comparison);
  if (hasTies(exchange)) return comparison.differences(sortTiedRows(recorded), sortTiedRows(body));
  return comparison.differences(recorded, body);
}

/** Returns true for a list of invitations in the order of `expires`, in which rows can be tied. */
function hasTies(exchange: Exchange): boolean {
  const ordering = new URLSearchParams(exchange.query).get("ordering") ?? "";
  return exchange.path.endsWith("/invitations/") && !/name|pk|flow|created_by|fixed_data/.test(ordering);
}

function replay(
  authentik: Authentik,
  setup: RecordingSetup,
  comparison: ResponseComparison,
  exchange: Exchange,
  jar: { cookie?: string },
): Promise<ActualResponse> {
  const path = comparison.withActualValues(exchange.path);
  const query = comparison.withActualValues(exchange.query);
  const body = exchange.requestBody && bodyWithActualValues(comparison, exchange.requestBody);
  const isExecutor = path.includes("/flows/executor/");
  const authorization = authorizationFor(authentik, setup, exchange, isExecutor);
  const headers: http.OutgoingHttpHeaders = {
    "user-agent": exchange.userAgent,
    ...(hostHeaders[exchange.case] === undefined ? {} : { host: hostHeaders[exchange.case] }),
    ...(authorization === undefined ? {} : { authorization }),
    ...(exchange.contentType === undefined ? {} : { "content-type": exchange.contentType }),
    ...(acceptHeaders[exchange.case] === undefined ? {} : { accept: acceptHeaders[exchange.case] }),
    // An enrollment keeps its session over several requests. Every other request to the executor starts a new one.
    ...(isExecutor && exchange.case.startsWith("enroll.") && jar.cookie !== undefined ? { cookie: jar.cookie } : {}),
    ...(body === undefined ? {} : { "content-length": body.length }),
  };
  const url = `${authentik.url}${path}${query === "" ? "" : `?${query}`}`;
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: exchange.method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        jar.cookie = response.headers["set-cookie"]?.[0]?.split(";")[0] ?? jar.cookie;
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

function bodyWithActualValues(comparison: ResponseComparison, body: Buffer): Buffer {
  const text = body.toString();
  // A body that is not valid UTF-8 is sent unchanged.
  return Buffer.from(text).equals(body) ? Buffer.from(comparison.withActualValues(text)) : body;
}

function authorizationFor(
  authentik: Authentik,
  setup: RecordingSetup,
  exchange: Exchange,
  isExecutor: boolean,
): string | undefined {
  const toHeader = authorizationHeaders[exchange.case];
  if (toHeader) return toHeader(authentik.token);
  // Where no user was recorded, the case's name contains it, or the request is the invitee's or the admin's.
  const namedUser = /[.-]as-(\w+)$/.exec(exchange.case)?.[1] ?? "admin";
  const userName = exchange.auth ?? (isExecutor || exchange.case.endsWith("no-token") ? "none" : namedUser);
  if (userName === "none") return undefined;
  const token = setup.tokens[userName];
  if (token === undefined) throw new Error(`no token for ${userName}`);
  return `Bearer ${token}`;
}
