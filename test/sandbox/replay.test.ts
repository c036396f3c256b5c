import * as http from "node:http";
import { Comparison, untie } from "./comparison";
import { Authentik, type AuthentikVersion } from "./index";
import { isObject, type Json, type JsonObject, readJson } from "./json";
import { type Exchange, readRecording, recordings } from "./recordings";
import { Rig } from "./rig";

/** Exchanges that are not replayed, by case, and why. */
const leftOut: Record<string, string> = {};

/** Where the stand-in differs from the recorded server as it was filled, and how that is taken out before the comparison. */
const adjust: Record<string, (recorded: JsonObject, given: JsonObject) => void> = {
  // The stand-in has only those of the server's own flows that the recordings show: how many there are is not compared.
  "flows.list": (recorded, given) => {
    const results = recorded["results"] as JsonObject;
    results["$rows"] = (given["results"] as Json[]).length;
    recorded["pagination"] = given["pagination"] as Json;
  },
  // The first of many rows that the ordering does not tell apart.
  "auth.viewer.list": sameNameFirst,
  "bulk.list.page_size-default": anyName,
  "bulk.list.page_size-100": anyName,
  "bulk.list.page_size-101": anyName,
  "bulk.list.page_size-200": anyName,
  "bulk.list.page_size-500": anyName,
  "bulk.list.page_size-1000": anyName,
  "bulk.list.page_size-5000": anyName,
};

function anyName(recorded: JsonObject, given: JsonObject): void {
  const first = (recorded["results"] as JsonObject)["first"] as JsonObject;
  const firstHere = (given["results"] as JsonObject[])[0];
  if (!/^rec-bulk-\d{5}$/.test(String(firstHere?.["name"]))) return;
  first["name"] = firstHere?.["name"] as Json;
  first["pk"] = firstHere?.["pk"] as Json;
}

/** Of the rows that share the first one's `expires`, the one of the recorded name is compared. */
function sameNameFirst(recorded: JsonObject, given: JsonObject): void {
  const results = recorded["results"];
  if (!isObject(results)) return;
  const rows = given["results"] as JsonObject[];
  const name = (results["first"] as JsonObject)["name"];
  const index = rows.findIndex((row) => row["name"] === name && row["expires"] === rows[0]?.["expires"]);
  if (index > 0) rows.unshift(...rows.splice(index, 1));
}

/** The `Authorization` headers of the cases that are about it; their names and the answers tell what they were. */
const authorizations: Record<string, (token: string) => string> = {
  "auth.header.scheme": (token) => `Token ${token}`,
  "auth.header.basic": (token) => `Basic ${Buffer.from(`akadmin:${token}`).toString("base64")}`,
  "auth.header.no-credential": () => "Bearer",
  "auth.header.one-word": (token) => token,
  "auth.header.two-spaces": (token) => `Bearer  ${token}`,
  "auth.header.lower-case-scheme": (token) => `bearer ${token}`,
};

const accepted: Record<string, string> = { "accept.html": "text/html", "accept.xml": "application/xml" };

interface Answered {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
}

const versions: AuthentikVersion[] = ["2024.8", "2026.2"];
const replayed: Record<AuthentikVersion, number> = { "2024.8": 0, "2026.2": 0 };

for (const version of versions) {
  for (const recording of recordings) {
    const exchanges = readRecording(recording, version);
    describe(`${recording} of authentik ${version}`, () => {
      const comparison = new Comparison();
      const jar: { cookie?: string } = {};
      let authentik: Authentik;
      let rig: Rig;
      let steps: Record<string, () => unknown>;

      beforeAll(async () => {
        authentik = await Authentik.start({ version });
        rig = new Rig(authentik, exchanges);
        steps = rig.steps(recording);
      });
      afterAll(() => authentik.close());

      exchanges.forEach((exchange, index) => {
        const name = exchange.case;
        if (leftOut[name] !== undefined) return;
        test(`${index} ${name}`, async () => {
          await steps[name]?.();
          const given = await send(authentik, rig, comparison, exchange, jar);
          expect(compare(exchange, given, comparison)).toEqual([]);
          replayed[version] += 1;
        });
      });
    });
  }
}

test("all recorded exchanges are replayed but those that are left out", () => {
  for (const version of versions) {
    const all = recordings.flatMap((recording) => readRecording(recording, version));
    const out = all.filter((exchange) => leftOut[exchange.case] !== undefined);
    console.info(`replayed ${replayed[version]} of ${all.length} exchanges (${version}), left out ${out.length}`);
    expect(replayed[version]).toBe(all.length - out.length);
    expect(replayed[version] / all.length).toBeGreaterThan(0.95);
  }
});

/** What differs between a recorded answer and the stand-in's. */
function compare(exchange: Exchange, given: Answered, comparison: Comparison): string[] {
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

function compareBodies(exchange: Exchange, given: Answered, comparison: Comparison): string[] {
  const recorded = exchange.answer;
  if (recorded === null) return given.text === "" ? [] : [`body: empty, here ${given.text.slice(0, 300)}`];
  if (isObject(recorded) && recorded["$html"] === true) {
    return given.text.includes("<!DOCTYPE html>") ? [] : [`body: a page, here ${given.text.slice(0, 300)}`];
  }
  if (!/^application\/json/.test(exchange.headers["content-type"] ?? "")) {
    return given.text === recorded ? [] : [`body: ${String(recorded)}, here ${given.text.slice(0, 300)}`];
  }
  const answer = readJson(given.text);
  adjust[exchange.case]?.(recorded as JsonObject, answer as JsonObject);
  if (ties(exchange)) return comparison.differences(untie(recorded), untie(answer));
  return comparison.differences(recorded, answer);
}

/** Whether a list came in the order of `expires`, which does not tell all of its rows apart. */
function ties(exchange: Exchange): boolean {
  const ordering = new URLSearchParams(exchange.query).get("ordering") ?? "";
  return exchange.path.endsWith("/invitations/") && !/name|pk|flow|created_by|fixed_data/.test(ordering);
}

function send(
  authentik: Authentik,
  rig: Rig,
  comparison: Comparison,
  exchange: Exchange,
  jar: { cookie?: string },
): Promise<Answered> {
  const path = comparison.translate(exchange.path);
  const query = comparison.translate(exchange.query);
  const body = exchange.body && translateBody(comparison, exchange.body);
  const executor = path.includes("/flows/executor/");
  const authorization = authorize(authentik, rig, exchange, executor);
  const headers: http.OutgoingHttpHeaders = {
    "user-agent": "Python-urllib/3.11",
    ...(authorization === undefined ? {} : { authorization }),
    ...(exchange.contentType === undefined ? {} : { "content-type": exchange.contentType }),
    ...(accepted[exchange.case] === undefined ? {} : { accept: accepted[exchange.case] }),
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

function translateBody(comparison: Comparison, body: Buffer): Buffer {
  const text = body.toString();
  // What is no UTF-8 stays as it is.
  return Buffer.from(text).equals(body) ? Buffer.from(comparison.translate(text)) : body;
}

function authorize(authentik: Authentik, rig: Rig, exchange: Exchange, executor: boolean): string | undefined {
  const special = authorizations[exchange.case];
  if (special) return special(authentik.token);
  // The shorter recordings do not say who asked: the admin, but for the invitee and the case that names it.
  const who = exchange.auth ?? (executor || exchange.case.endsWith("no-token") ? "none" : "admin");
  if (who === "none") return undefined;
  const token = rig.tokens[who];
  if (token === undefined) throw new Error(`nobody is ${who}`);
  return `Bearer ${token}`;
}
