import { readFileSync } from "node:fs";
import { basename } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";

export interface Person {
  readonly email: string;
  readonly name: string;
  readonly team: string;
  /** The last day on which the invitation is valid, in UTC. */
  readonly until: string | undefined;
}

const requiredKeys = ["email", "name", "team"];
const keys = [...requiredKeys, "until"];
const teams = ["backend", "frontend", "compilers"];

/** Reads the list of people. Reports all errors at once, with line numbers, before the program declares any resource. */
export function readPeople(path: string): Person[] {
  const file = basename(path);
  const lineCounter = new LineCounter();
  const document = parseDocument(readFileSync(path, "utf8"), { lineCounter });
  const errors = document.errors.map(({ pos, code }) => ({
    line: lineCounter.linePos(pos[0]).line,
    message: `is not valid YAML (${code.toLowerCase().replaceAll("_", " ")})`,
  }));
  const people: Person[] = [];
  const lineByEmail = new Map<string, number>();

  if (errors.length === 0) {
    if (document.contents !== null && !isSeq<Node>(document.contents)) {
      addError(1, "must be a list of people");
    }
    for (const item of isSeq<Node>(document.contents) ? document.contents.items : []) readPerson(item);
  }
  if (errors.length > 0) {
    const messages = errors.sort((a, b) => a.line - b.line).map(({ line, message }) => `${file}:${line}: ${message}`);
    // Pulumi prints a RunError without a stack trace.
    throw new pulumi.RunError(messages.join("\n"));
  }
  return people;

  function readPerson(item: Node): void {
    const firstLine = lineOf(item, 1);
    if (!isMap(item)) {
      addError(firstLine, `must be an object with ${requiredKeys.join(", ")}`);
      return;
    }
    const fields = new Map<string, { value: string; line: number }>();
    const errorsBefore = errors.length;
    for (const { key: keyNode, value } of item.items) {
      const line = lineOf(keyNode, firstLine);
      const key = isScalar(keyNode) ? String(keyNode.value) : "";
      if (!keys.includes(key)) {
        addError(line, `unknown key "${key}" (must be one of ${keys.join(", ")})`);
      } else if (!isScalar(value) || typeof value.value !== "string" || value.value.trim() === "") {
        addError(line, `${key} must be a non-empty string`);
      } else {
        fields.set(key, { value: value.value.trim(), line });
      }
    }
    if (errors.length > errorsBefore) return;

    for (const key of requiredKeys) {
      if (!fields.has(key)) addError(firstLine, `${key} is required`);
    }
    const validate = (key: string, isValid: (value: string) => boolean, message: string): void => {
      const field = fields.get(key);
      if (field && !isValid(field.value)) addError(field.line, `${key} ${message}`);
    };
    validate("email", (email) => /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(email), "must be an email address");
    validate("team", (team) => teams.includes(team), `must be one of ${teams.join(", ")}`);
    validate("until", isDate, "must be a date such as 2030-06-30");
    const email = fields.get("email");
    const duplicateOf = email && lineByEmail.get(email.value.toLowerCase());
    if (email && duplicateOf) addError(email.line, `email is the same as in line ${duplicateOf}`);
    if (email && !duplicateOf) lineByEmail.set(email.value.toLowerCase(), email.line);
    if (errors.length > errorsBefore) return;

    people.push({
      email: fields.get("email")?.value ?? "",
      name: fields.get("name")?.value ?? "",
      team: fields.get("team")?.value ?? "",
      until: fields.get("until")?.value,
    });
  }

  function addError(line: number, message: string): void {
    errors.push({ line, message });
  }

  function lineOf(node: unknown, fallback: number): number {
    const range = isScalar(node) || isMap(node) || isSeq(node) ? node.range : undefined;
    return range ? lineCounter.linePos(range[0]).line : fallback;
  }
}

function isDate(value: string): boolean {
  const time = Date.parse(`${value}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(time) && new Date(time).toISOString().startsWith(value);
}
