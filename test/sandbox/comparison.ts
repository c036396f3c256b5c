import { toDashedUuid, toHex } from "../../sandbox/fields";
import { Float, isObject, type Json, type JsonObject, stringifyJson } from "../../sandbox/json";

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const bareUuid = /(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/gi;
const sha256 = /^[0-9a-f]{64}$/;
/** Instants that the server generated are on a day of the recordings, or a year later (the expiry of events). */
const generatedInstant = /^202[67]-11-2[246]T\d\d:\d\d:\d\d\.\d{6}Z$/;
const instantWithMicroseconds = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
/** Offset of the first generated instant from now: none, or the default lifetime of an invitation. */
const expectedOffsetsMs = [0, 30].map((minutes) => minutes * 60_000);
/** Recording took minutes, a replay takes seconds. */
const toleranceMs = 10 * 60_000;
const truncated = /^(.*)… \((\d+) characters\)$/su;

/**
 * Compares the responses of the embedded authentik with recorded ones. Values that a server generates (pks, UUIDs, hashes, instants)
 * differ, but across all exchanges each recorded value must correspond to exactly one actual value.
 */
export class ResponseComparison {
  private readonly actualByRecorded = new Map<string, string>();
  private readonly recordedByActual = new Map<string, string>();
  /** Recorded time minus actual time. */
  private clockOffsetMs: number | undefined;

  /** Replaces the generated values in a recorded path, query or body by the actual ones. */
  withActualValues(text: string): string {
    return text
      .replace(uuid, (match) => {
        const actual = this.actualByRecorded.get(match.toLowerCase()) ?? match;
        return match === match.toLowerCase() ? actual : actual.toUpperCase();
      })
      .replace(bareUuid, (match) =>
        toHex(this.actualByRecorded.get(toDashedUuid(match.toLowerCase())) ?? toDashedUuid(match)),
      )
      .replace(/created by (\d+)|(?<=core\/users\/)\d+(?=\/)/g, (match) =>
        match.replace(/\d+$/, (pk) => this.actualByRecorded.get(`pk ${pk}`) ?? pk),
      );
  }

  /** Returns one line per difference, with its path. */
  differences(recorded: Json, actual: Json, path = "body"): string[] {
    if (isObject(recorded) && typeof recorded["$rows"] === "number" && Array.isArray(actual)) {
      // Long lists were recorded as their length and first row.
      if (recorded["$rows"] !== actual.length) return [`${path}: ${recorded["$rows"]} rows, actual: ${actual.length}`];
      return this.differences(recorded["first"] as Json, actual[0] as Json, `${path}[0]`);
    }
    if (Array.isArray(recorded) && Array.isArray(actual)) return this.listDifferences(recorded, actual, path);
    if (isObject(recorded) && isObject(actual)) return this.objectDifferences(recorded, actual, path);
    return this.isEqual(recorded, actual, path)
      ? []
      : [`${path}: ${abbreviate(recorded)}, actual: ${abbreviate(actual)}`];
  }

  private objectDifferences(recorded: JsonObject, actual: JsonObject, path: string): string[] {
    const [keys, actualKeys] = [Object.keys(recorded), Object.keys(actual)];
    // Also compares the order of the keys.
    if (keys.join() !== actualKeys.join()) return [`${path}: keys ${keys.join()}, actual: ${actualKeys.join()}`];
    // Neither list is imitated: the search fields of a list, and the permissions of a user on authentik itself.
    const comparedKeys = keys.filter((key) => key !== "autocomplete" && key !== "system_permissions");
    return comparedKeys.flatMap((key) =>
      this.differences(recorded[key] as Json, actual[key] as Json, `${path}.${key}`),
    );
  }

  private listDifferences(recorded: Json[], actual: Json[], path: string): string[] {
    if (recorded.length !== actual.length) return [`${path}: ${recorded.length} entries, actual: ${actual.length}`];
    const pairs = this.pairItems(recorded, actual, path);
    return pairs.flatMap(([recordedItem, actualItem], index) =>
      this.differences(recordedItem, actualItem, `${path}[${index}]`),
    );
  }

  /**
   * Pairs the items to compare. The flows of a stage and the stages of a flow have no defined order and are compared as sets (in
   * enroll.binding.10, one version lists new flows first, the other last).
   */
  private pairItems(recorded: Json[], actual: Json[], path: string): (readonly [Json, Json])[] {
    if (path.endsWith(".flow_set")) return zip(sortBy(recorded, flowSlug), sortBy(actual, flowSlug));
    if (/\.stages$/.test(path)) {
      const actualPk = (pk: Json): string => this.actualByRecorded.get(String(pk)) ?? "";
      const unpaired = [...actual];
      const pairs = recorded
        .filter((pk) => unpaired.includes(actualPk(pk)))
        .map((pk) => [pk, unpaired.splice(unpaired.indexOf(actualPk(pk)), 1)[0] as Json] as const);
      return [
        ...pairs,
        ...zip(
          recorded.filter((pk) => actualPk(pk) === ""),
          unpaired,
        ),
      ];
    }
    return zip(recorded, actual);
  }

  private isEqual(recorded: Json, actual: Json, path: string): boolean {
    if (recorded instanceof Float) return actual instanceof Float && Object.is(recorded.value, actual.value);
    if (
      typeof recorded === "number" &&
      typeof actual === "number" &&
      /\.(pk|num_pk|user|created_by\.new_value)$/.test(path)
    ) {
      return this.mapValue(`pk ${recorded}`, String(actual));
    }
    if (typeof recorded !== "string" || typeof actual !== "string") return recorded === actual;
    // The setup of a recording copies it.
    if (path.endsWith(".created_by.last_login")) return recorded === actual;
    if (path.endsWith(".avatar")) return actual.startsWith(recorded);
    const truncation = truncated.exec(recorded);
    if (truncation) return actual.length === Number(truncation[2]) && actual.startsWith(String(truncation[1]));
    if (generatedInstant.test(recorded))
      return (
        instantWithMicroseconds.test(actual) &&
        this.isConsistentTime(recorded, actual) &&
        this.mapValue(recorded, actual)
      );
    if (sha256.test(recorded)) return sha256.test(actual) && this.mapValue(recorded, actual);
    if (matchesWhole(uuid, recorded)) return matchesWhole(uuid, actual) && this.mapValue(recorded, actual);
    if (matchesWhole(bareUuid, recorded))
      return matchesWhole(bareUuid, actual) && this.mapValue(toDashedUuid(recorded), toDashedUuid(actual));
    return this.withActualValues(recorded) === actual;
  }

  /** Generated instants must have the same distances as in the recording, apart from the time that recording took. */
  private isConsistentTime(recorded: string, actual: string): boolean {
    const offset = Date.parse(recorded) - Date.parse(actual);
    if (this.clockOffsetMs === undefined) {
      const fromNow = Date.parse(actual) - Date.now();
      if (!expectedOffsetsMs.some((expected) => Math.abs(fromNow - expected) < 60_000)) return false;
      this.clockOffsetMs = offset;
    }
    return Math.abs(offset - this.clockOffsetMs) < toleranceMs;
  }

  /** Maps a recorded value to an actual one. Returns false if either is already mapped to another value. */
  private mapValue(recorded: string, actual: string): boolean {
    const prefix = recorded.startsWith("pk ") ? "pk " : "";
    const mappedActual = this.actualByRecorded.get(recorded);
    const mappedRecorded = this.recordedByActual.get(prefix + actual);
    if (mappedActual === undefined && mappedRecorded === undefined) {
      this.actualByRecorded.set(recorded, actual);
      this.recordedByActual.set(prefix + actual, recorded);
      return true;
    }
    return mappedActual === actual && mappedRecorded === recorded;
  }
}

/** Sorts rows with equal `expires` by name, because their order is not defined. */
export function sortTiedRows(body: Json): Json {
  if (!isObject(body) || !Array.isArray(body["results"])) return body;
  const expires = (row: Json): string => String((row as JsonObject)["expires"]);
  const name = (row: Json): string => String((row as JsonObject)["name"]);
  const rows = body["results"];
  const groups: Json[][] = [];
  for (const row of rows) {
    const group = groups.at(-1);
    if (group && expires(group[0] as Json) === expires(row)) group.push(row);
    else groups.push([row]);
  }
  return { ...body, results: groups.flatMap((group) => sortBy(group, name)) };
}

function sortBy(list: Json[], keyOf: (item: Json) => string): Json[] {
  return list.toSorted((a, b) => (keyOf(a) === keyOf(b) ? 0 : keyOf(a) < keyOf(b) ? -1 : 1));
}

function zip(recorded: Json[], actual: Json[]): (readonly [Json, Json])[] {
  return recorded.map((item, index) => [item, actual[index] as Json] as const);
}

function flowSlug(flow: Json): string {
  return isObject(flow) ? String(flow["slug"]) : "";
}

function matchesWhole(pattern: RegExp, text: string): boolean {
  return text.replace(pattern, "") === "" && text !== "";
}

function abbreviate(value: Json): string {
  const text = stringifyJson(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
