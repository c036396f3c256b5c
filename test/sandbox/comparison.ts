import { toDashedUuid, toHex } from "./fields";
import { Float, isObject, type Json, type JsonObject, stringifyJson } from "./json";

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const bareUuid = /(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/gi;
const sha256 = /^[0-9a-f]{64}$/;
/** All moments that a server made up itself lie on the day of the recording, or, for the end of an event, a year later. */
const generatedInstant = /^202[67]-11-22T\d\d:\d\d:\d\d\.\d{6}Z$/;
const instantWithMicroseconds = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
/** How far from now the first of them may lie: now, or the default life of an invitation. */
const expectedOffsetsMs = [0, 30].map((minutes) => minutes * 60_000);
/** The recordings took some minutes, their replay takes seconds. */
const toleranceMs = 10 * 60_000;
const truncated = /^(.*)… \((\d+) characters\)$/su;

/**
 * Compares answers of the stand-in with recorded ones. What a server makes up (pks, UUIDs, fingerprints, moments) differs; but
 * what was one value in the recording must be one value here, from the first exchange to the last.
 */
export class ResponseComparison {
  private readonly actualByRecorded = new Map<string, string>();
  private readonly recordedByActual = new Map<string, string>();
  /** How far the recorded moments lie from those here. */
  private clockOffsetMs: number | undefined;

  /** A recorded path, query, or body in terms of the stand-in. */
  toActual(text: string): string {
    return text
      .replace(uuid, (found) => {
        const known = this.actualByRecorded.get(found.toLowerCase()) ?? found;
        return found === found.toLowerCase() ? known : known.toUpperCase();
      })
      .replace(bareUuid, (found) =>
        toHex(this.actualByRecorded.get(toDashedUuid(found.toLowerCase())) ?? toDashedUuid(found)),
      )
      .replace(/created by (\d+)|(?<=core\/users\/)\d+(?=\/)/g, (found) =>
        found.replace(/\d+$/, (pk) => this.actualByRecorded.get(`pk ${pk}`) ?? pk),
      );
  }

  /** What differs, each with its place; none if the answers are the same. */
  differences(recorded: Json, given: Json, place = "body"): string[] {
    if (isObject(recorded) && typeof recorded["$rows"] === "number" && Array.isArray(given)) {
      // Long lists were recorded as their length and their first row.
      if (recorded["$rows"] !== given.length) return [`${place}: ${recorded["$rows"]} rows, here ${given.length}`];
      return this.differences(recorded["first"] as Json, given[0] as Json, `${place}[0]`);
    }
    if (Array.isArray(recorded) && Array.isArray(given)) return this.listDifferences(recorded, given, place);
    if (isObject(recorded) && isObject(given)) return this.objectDifferences(recorded, given, place);
    return this.isEqual(recorded, given, place) ? [] : [`${place}: ${abbreviate(recorded)}, here ${abbreviate(given)}`];
  }

  private objectDifferences(recorded: JsonObject, given: JsonObject, place: string): string[] {
    const [keys, keysHere] = [Object.keys(recorded), Object.keys(given)];
    // Their order too.
    if (keys.join() !== keysHere.join()) return [`${place}: the keys ${keys.join()}, here ${keysHere.join()}`];
    return keys.flatMap((key) => this.differences(recorded[key] as Json, given[key] as Json, `${place}.${key}`));
  }

  private listDifferences(recorded: Json[], given: Json[], place: string): string[] {
    if (recorded.length !== given.length) return [`${place}: ${recorded.length} entries, here ${given.length}`];
    const paired = this.pairItems(recorded, given, place);
    return paired.flatMap(([one, other], index) => this.differences(one, other, `${place}[${index}]`));
  }

  /**
   * The database gives the flows of a stage, the stages of a flow and the uses of an object in no order of theirs
   * (enroll.binding.10 tells new flows first on one version and last on the other): they are compared as sets.
   */
  private pairItems(recorded: Json[], given: Json[], place: string): (readonly [Json, Json])[] {
    if (/\.flow_set$/.test(place)) {
      return zip(sortBy(recorded, flowSlug), sortBy(given, flowSlug));
    }
    if (/\.stages$/.test(place)) {
      const known = (pk: Json): string => this.actualByRecorded.get(String(pk)) ?? "";
      const left = [...given];
      const pairs = recorded
        .filter((pk) => left.includes(known(pk)))
        .map((pk) => [pk, left.splice(left.indexOf(known(pk)), 1)[0] as Json] as const);
      return [
        ...pairs,
        ...zip(
          recorded.filter((pk) => known(pk) === ""),
          left,
        ),
      ];
    }
    const isUse = recorded.every((entry) => isObject(entry) && "model_name" in entry && "action" in entry);
    if (place === "body" && isUse) {
      return zip(
        sortBy(recorded, (use) => this.toActual(usedByKey(use))),
        sortBy(given, usedByKey),
      );
    }
    return zip(recorded, given);
  }

  private isEqual(recorded: Json, given: Json, place: string): boolean {
    if (recorded instanceof Float) return given instanceof Float && Object.is(recorded.value, given.value);
    if (typeof recorded === "number" && typeof given === "number" && /\.(pk|created_by\.new_value)$/.test(place)) {
      return this.mapValue(`pk ${recorded}`, String(given));
    }
    if (typeof recorded !== "string" || typeof given !== "string") return recorded === given;
    if (place.endsWith(".avatar")) return given.startsWith(recorded);
    const shortened = truncated.exec(recorded);
    if (shortened) return given.length === Number(shortened[2]) && given.startsWith(String(shortened[1]));
    if (generatedInstant.test(recorded))
      return (
        instantWithMicroseconds.test(given) && this.isConsistentTime(recorded, given) && this.mapValue(recorded, given)
      );
    if (sha256.test(recorded)) return sha256.test(given) && this.mapValue(recorded, given);
    if (matchesWhole(uuid, recorded)) return matchesWhole(uuid, given) && this.mapValue(recorded, given);
    if (matchesWhole(bareUuid, recorded))
      return matchesWhole(bareUuid, given) && this.mapValue(toDashedUuid(recorded), toDashedUuid(given));
    return this.toActual(recorded) === given;
  }

  /** All made-up moments lie as far from one another as in the recording, but for the time that it took. */
  private isConsistentTime(recorded: string, given: string): boolean {
    const apart = Date.parse(recorded) - Date.parse(given);
    if (this.clockOffsetMs === undefined) {
      const distance = Date.parse(given) - Date.now();
      if (!expectedOffsetsMs.some((expected) => Math.abs(distance - expected) < 60_000)) return false;
      this.clockOffsetMs = apart;
    }
    return Math.abs(apart - this.clockOffsetMs) < toleranceMs;
  }

  /** One value in the recording is one value here, and the other way round. */
  private mapValue(recorded: string, given: string): boolean {
    const kind = recorded.startsWith("pk ") ? "pk " : "";
    const known = this.actualByRecorded.get(recorded);
    const owner = this.recordedByActual.get(kind + given);
    if (known === undefined && owner === undefined) {
      this.actualByRecorded.set(recorded, given);
      this.recordedByActual.set(kind + given, recorded);
      return true;
    }
    return known === given && owner === recorded;
  }
}

/** Rows that an ordering does not tell apart come in any order: with equal `expires` they are put in that of their names. */
export function sortTiedRows(answer: Json): Json {
  if (!isObject(answer) || !Array.isArray(answer["results"])) return answer;
  const expires = (row: Json): string => String((row as JsonObject)["expires"]);
  const name = (row: Json): string => String((row as JsonObject)["name"]);
  const rows = answer["results"];
  const runs: Json[][] = [];
  for (const row of rows) {
    const run = runs.at(-1);
    if (run && expires(run[0] as Json) === expires(row)) run.push(row);
    else runs.push([row]);
  }
  return { ...answer, results: runs.flatMap((run) => sortBy(run, name)) };
}

function sortBy(list: Json[], by: (item: Json) => string): Json[] {
  return list.toSorted((a, b) => (by(a) === by(b) ? 0 : by(a) < by(b) ? -1 : 1));
}

function zip(recorded: Json[], given: Json[]): (readonly [Json, Json])[] {
  return recorded.map((item, index) => [item, given[index] as Json] as const);
}

function flowSlug(flow: Json): string {
  return isObject(flow) ? String(flow["slug"]) : "";
}

function usedByKey(use: Json): string {
  return isObject(use) ? `${String(use["model_name"])} ${String(use["name"])}` : "";
}

function matchesWhole(pattern: RegExp, text: string): boolean {
  return text.replace(pattern, "") === "" && text !== "";
}

function abbreviate(value: Json): string {
  const text = stringifyJson(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
