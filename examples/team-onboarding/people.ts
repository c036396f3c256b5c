import { readFileSync } from "node:fs";
import { basename } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";

export interface Person {
  readonly email: string;
  readonly name: string;
  readonly team: string;
  /** The last day on which the invitation works, in UTC. */
  readonly until: string | undefined;
}

const columns = ["email", "name", "team", "until"];
const teams = ["backend", "frontend", "compilers"];

/** Reads the list of people. All that is wrong in it is told at once, each with its line, before any resource is declared. */
export function readPeople(path: string): Person[] {
  const file = basename(path);
  const lines = new LineCounter();
  const document = parseDocument(readFileSync(path, "utf8"), { lineCounter: lines });
  const faults: { line: number; fault: string }[] = document.errors.map(({ pos, code }) => ({
    line: lines.linePos(pos[0]).line,
    fault: `is no YAML (${code.toLowerCase().replaceAll("_", " ")})`,
  }));
  const people: Person[] = [];
  const firstLines = new Map<string, number>();

  if (faults.length === 0) {
    if (document.contents !== null && !isSeq<Node>(document.contents)) {
      faults.push({ line: 1, fault: "is no list of people, each beginning with a dash" });
    }
    for (const item of isSeq<Node>(document.contents) ? document.contents.items : []) readPerson(item);
  }
  if (faults.length > 0) {
    const told = faults.sort((a, b) => a.line - b.line).map(({ line, fault }) => `${file}, line ${line}: ${fault}`);
    // Pulumi prints such an error without a stack, which would say nothing about the file.
    throw new pulumi.RunError(told.join("\n"));
  }
  return people;

  function readPerson(item: Node): void {
    const begin = lineOf(item, 1);
    if (!isMap(item)) {
      faults.push({ line: begin, fault: "is no person with email, name and team" });
      return;
    }
    const texts = new Map<string, { text: string; line: number }>();
    const before = faults.length;
    for (const { key, value } of item.items) {
      const line = lineOf(key, begin);
      const column = isScalar(key) ? String(key.value) : "";
      if (!columns.includes(column)) {
        faults.push({ line, fault: `"${column}" is none of ${columns.join(", ")}` });
      } else if (!isScalar(value) || typeof value.value !== "string" || value.value.trim() === "") {
        faults.push({ line, fault: `${column} is no text` });
      } else {
        texts.set(column, { text: value.value.trim(), line });
      }
    }
    if (faults.length > before) return;
    for (const column of ["email", "name", "team"]) {
      if (!texts.has(column)) faults.push({ line: begin, fault: `${column} is missing` });
    }
    const check = (column: string, isGood: (text: string) => boolean, what: string): void => {
      const given = texts.get(column);
      if (given && !isGood(given.text)) faults.push({ line: given.line, fault: `${column} ${what}` });
    };
    check("email", (email) => /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(email), "is no address");
    check("team", (team) => teams.includes(team), `is none of ${teams.join(", ")}`);
    check("until", isDay, "is no day such as 2030-06-30");
    const email = texts.get("email");
    const first = email && firstLines.get(email.text.toLowerCase());
    if (email && first) faults.push({ line: email.line, fault: `the same email stands in line ${first}` });
    if (email && !first) firstLines.set(email.text.toLowerCase(), email.line);
    if (faults.length > before) return;
    people.push({
      email: texts.get("email")?.text ?? "",
      name: texts.get("name")?.text ?? "",
      team: texts.get("team")?.text ?? "",
      until: texts.get("until")?.text,
    });
  }

  function lineOf(node: unknown, otherwise: number): number {
    const range = isScalar(node) || isMap(node) || isSeq(node) ? node.range : undefined;
    return range ? lines.linePos(range[0]).line : otherwise;
  }
}

function isDay(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
