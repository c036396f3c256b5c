import * as http from "node:http";
import { ResponseComparison, sortTiedRows } from "./comparison";
import { Authentik, type AuthentikVersion } from "./index";
import { isObject, type Json, type JsonObject, parseJson } from "./json";
import { RecordingSetup } from "./recording-setup";
import { type Exchange, readRecording, recordingNames } from "./recordings";

/** Exchanges that are not replayed, by case, and why. */
const excludedCases: Record<string, string> = {};

/** Where the stand-in differs from the recorded server as it was filled, and how that is taken out before the comparison. */
const adjustments: Record<string, (recorded: JsonObject, given: JsonObject) => void> = {
  // The stand-in has only those of the server's own flows that the recordings show: how many there are is not compared.
  "flows.list": (recorded, given) => {
    const results = recorded["results"] as JsonObject;
    results["$rows"] = (given["results"] as Json[]).length;
    recorded["pagination"] = given["pagination"] as Json;
  },
  // The first of many rows that the ordering does not tell apart.
  "auth.viewer.list": moveSameNameFirst,
  "bulk.list.page_size-default": acceptAnyName,
  "bulk.list.page_size-100": acceptAnyName,
  "bulk.list.page_size-101": acceptAnyName,
  "bulk.list.page_size-200": acceptAnyName,
  "bulk.list.page_size-500": acceptAnyName,
  "bulk.list.page_size-1000": acceptAnyName,
  "bulk.list.page_size-5000": acceptAnyName,
};

function acceptAnyName(recorded: JsonObject, given: JsonObject): void {
  const first = (recorded["results"] as JsonObject)["first"] as JsonObject;
  const firstHere = (given["results"] as JsonObject[])[0];
  if (!/^rec-bulk-\d{5}$/.test(String(firstHere?.["name"]))) return;
  first["name"] = firstHere?.["name"] as Json;
  first["pk"] = firstHere?.["pk"] as Json;
}

/** Of the rows that share the first one's `expires`, the one of the recorded name is compared. */
function moveSameNameFirst(recorded: JsonObject, given: JsonObject): void {
  const results = recorded["results"];
  if (!isObject(results)) return;
  const rows = given["results"] as JsonObject[];
  const name = (results["first"] as JsonObject)["name"];
  const index = rows.findIndex((row) => row["name"] === name && row["expires"] === rows[0]?.["expires"]);
  if (index > 0) rows.unshift(...rows.splice(index, 1));
}

/** The `Authorization` headers of the cases that are about it; their names and the answers tell what they were. */
const authorizationHeaders: Record<string, (token: string) => string> = {
  "auth.header.scheme": (token) => `Token ${token}`,
  "auth.header.basic": (token) => `Basic ${Buffer.from(`akadmin:${token}`).toString("base64")}`,
  "auth.header.no-credential": () => "Bearer",
  "auth.header.one-word": (token) => token,
  "auth.header.two-spaces": (token) => `Bearer  ${token}`,
  "auth.header.lower-case-scheme": (token) => `bearer ${token}`,
};

const acceptHeaders: Record<string, string> = { "accept.html": "text/html", "accept.xml": "application/xml" };

interface ActualResponse {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
}

const versions: AuthentikVersion[] = ["2024.8", "2026.2"];
const replayedCount: Record<AuthentikVersion, number> = { "2024.8": 0, "2026.2": 0 };

for (const version of versions) {
  for (const recording of recordingNames) {
    const exchanges = readRecording(recording, version);
    describe(`${recording} of authentik ${version}`, () => {
      const comparison = new ResponseComparison();
      const jar: { cookie?: string } = {};
      let authentik: Authentik;
      let rig: RecordingSetup;
      let steps: Record<string, () => unknown>;

      beforeAll(async () => {
        authentik = await Authentik.start({ version });
        rig = new RecordingSetup(authentik, exchanges);
        steps = rig.steps(recording);
      });
      afterAll(() => authentik.close());

      exchanges.forEach((exchange, index) => {
        const name = exchange.case;
        if (excludedCases[name] !== undefined) return;
        test(`${index} ${name}`, async () => {
          await steps[name]?.();
          const given = await replay(authentik, rig, comparison, exchange, jar);
          expect(compare(exchange, given, comparison)).toEqual([]);
          replayedCount[version] += 1;
        });
      });
    });
  }
}

test("all recorded exchanges are replayed but those that are left out", () => {
  for (const version of versions) {
    const all = recordingNames.flatMap((recording) => readRecording(recording, version));
    const out = all.filter((exchange) => excludedCases[exchange.case] !== undefined);
    console.info(`replayed ${replayedCount[version]} of ${all.length} exchanges (${version}), left out ${out.length}`);
    expect(replayedCount[version]).toBe(all.length - out.length);
    expect(replayedCount[version] / all.length).toBeGreaterThan(0.95);
  }
});

/** What differs between a recorded answer and the stand-in's. */
function compare(exchange: Exchange, given: ActualResponse, comparison: ResponseComparison): string[] {
  const differences: string[] = [];
  if (given.status !== exchange.status) {
    return [`status: ${exchange.status}, here ${given.status}: ${given.text.slice(0, 300)}`];
  }
  // The shorter recordings kept no Allow header.
  const kept = exchange.auth === null ? (["content-type"] as const) : (["content-type", "allow"] as const);
  for (const name of kept) {
    if (exchange.headers[name] !== given.headers[name]) {
      differences.push(`${name}: ${exchange.headers[name]}, here ${given.headers[name]}`);
    }
  }
  return [...differences, ...compareBodies(exchange, given, comparison)];
}

function compareBodies(exchange: Exchange, given: ActualResponse, comparison: ResponseComparison): string[] {
  const recorded = exchange.responseBody;
  if (recorded === null) return given.text === "" ? [] : [`body: empty, here ${given.text.slice(0, 300)}`];
  if (isObject(recorded) && recorded["$html"] === true) {
    return given.text.includes("<!DOCTYPE html>") ? [] : [`body: a page, here ${given.text.slice(0, 300)}`];
  }
  if (!/^application\/json/.test(exchange.headers["content-type"] ?? "")) {
    return given.text === recorded ? [] : [`body: ${String(recorded)}, here ${given.text.slice(0, 300)}`];
  }
  const answer = parseJson(given.text);
  adjustments[exchange.case]?.(recorded as JsonObject, answer as JsonObject);
  if (hasTies(exchange)) return comparison.differences(sortTiedRows(recorded), sortTiedRows(answer));
  return comparison.differences(recorded, answer);
}

/** Whether a list came in the order of `expires`, which does not tell all of its rows apart. */
function hasTies(exchange: Exchange): boolean {
  const ordering = new URLSearchParams(exchange.query).get("ordering") ?? "";
  return exchange.path.endsWith("/invitations/") && !/name|pk|flow|created_by|fixed_data/.test(ordering);
}

function replay(
  authentik: Authentik,
  rig: RecordingSetup,
  comparison: ResponseComparison,
  exchange: Exchange,
  jar: { cookie?: string },
): Promise<ActualResponse> {
  const path = comparison.toActual(exchange.path);
  const query = comparison.toActual(exchange.query);
  const body = exchange.requestBody && translateBody(comparison, exchange.requestBody);
  const executor = path.includes("/flows/executor/");
  const authorization = authorizationFor(authentik, rig, exchange, executor);
  const headers: http.OutgoingHttpHeaders = {
    "user-agent": "Python-urllib/3.11",
    ...(authorization === undefined ? {} : { authorization }),
    ...(exchange.contentType === undefined ? {} : { "content-type": exchange.contentType }),
    ...(acceptHeaders[exchange.case] === undefined ? {} : { accept: acceptHeaders[exchange.case] }),
    // Whoever goes through a flow keeps a session; a new one each time but where questions were answered.
    ...(executor && exchange.case.startsWith("enroll.") && jar.cookie !== undefined ? { cookie: jar.cookie } : {}),
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

function translateBody(comparison: ResponseComparison, body: Buffer): Buffer {
  const text = body.toString();
  // What is no UTF-8 stays as it is.
  return Buffer.from(text).equals(body) ? Buffer.from(comparison.toActual(text)) : body;
}

function authorizationFor(
  authentik: Authentik,
  rig: RecordingSetup,
  exchange: Exchange,
  executor: boolean,
): string | undefined {
  const special = authorizationHeaders[exchange.case];
  if (special) return special(authentik.token);
  // The shorter recordings do not say who asked: the admin, but for the invitee and the case that names it.
  const who = exchange.auth ?? (executor || exchange.case.endsWith("no-token") ? "none" : "admin");
  if (who === "none") return undefined;
  const token = rig.tokens[who];
  if (token === undefined) throw new Error(`nobody is ${who}`);
  return `Bearer ${token}`;
}
