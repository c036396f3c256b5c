import * as z from "zod";
import { toPrintableJson } from "../../common/printable";
import { unknownValue } from "../../common/reserved-strings";
import { parseUrn } from "../../common/urn";
import { addDuration, parseDuration } from "../../values/instant";
import { isJsonObject } from "../../values/json";
import { formatPath, ownValue, type Properties } from "../../values/properties";
import { parseJsonAs } from "../command";
import { redactLine, truncate } from "./redact";

export const operations = ["create", "import", "update", "replace", "delete"] as const;

/** A comment would be too long with more. */
const maxProperties = 1_000;
const maxValueLength = 500;
const maxExpiryDays = 90;

const changeSchema = z.object({
  operation: z.enum(operations),
  type: z.string(),
  name: z.string(),
  properties: z.array(z.object({ path: z.string(), before: z.string().optional(), after: z.string().optional() })),
});

const noteSchema = z.object({
  kind: z.enum(["link stops working", "link changes", "email", "no early expiry"]),
  name: z.string(),
  /** How many invitations or emails. undefined if that is a secret. */
  count: z.number().optional(),
});

const batchSchema = z.object({
  name: z.string(),
  /** How many invitations it has, those to delete included. */
  size: z.number(),
  /** What the provider says about them, for example 3 `to create`. */
  counts: z.array(z.object({ count: z.number(), what: z.string().regex(/^[a-z ]+$/) })),
});

/** What a preview changes. All strings are redacted. Another job reads it from a file, which may contain anything. */
export const previewSchema = z.object({
  changes: z.array(changeSchema),
  unchanged: z.number(),
  batches: z.array(batchSchema),
  /** What a reviewer must know. */
  notes: z.array(noteSchema),
  messages: z.array(z.string()),
});

export type Preview = z.output<typeof previewSchema>;
export type Change = z.output<typeof changeSchema>;
export type Batch = z.output<typeof batchSchema>;
type Note = z.output<typeof noteSchema>;

const propertiesSchema = z.record(z.string(), z.unknown()).nullish();
const stateSchema = z.object({ custom: z.boolean().optional(), inputs: propertiesSchema, outputs: propertiesSchema });

const stepSchema = z.object({
  op: z.string(),
  urn: z.string(),
  oldState: stateSchema.nullish(),
  newState: stateSchema.nullish(),
  diffReasons: z.array(z.string()).nullish(),
  detailedDiff: z.record(z.string(), z.object({ kind: z.string(), inputDiff: z.boolean().optional() })).nullish(),
});

type Step = z.output<typeof stepSchema>;

/** The output of `pulumi preview --json`. Its secrets are `[secret]`. */
const digestSchema = z.object({
  steps: z.array(stepSchema).nullish(),
  diagnostics: z.array(z.object({ message: z.string() })).nullish(),
  changeSummary: z.object({ same: z.number().optional() }).nullish(),
});

/** Parses the output of `pulumi preview --json`. undefined if Pulumi failed before the preview. */
export function parsePreview(json: string, now: Date): Preview | undefined {
  const digest = parseJsonAs(json, digestSchema);
  if (digest === undefined) return undefined;
  const allSteps = digest.steps ?? [];
  const steps = allSteps.filter(isResource);
  const isStackUnchanged = allSteps.some(
    ({ op, urn }) => op === "same" && parseUrn(urn).type === "pulumi:pulumi:Stack",
  );
  const messages = (digest.diagnostics ?? [])
    .flatMap(({ message }) => message.split(/\r?\n/))
    // Pulumi warns each time it loads a plugin from the PATH, which is where npm installs this package's.
    .filter((line) => line.trim() !== "" && !/^(warning: )?using pulumi-[\w-]+ from \$PATH at /.test(line))
    .map(redactLine);
  const batches = [...new Set(messages)].flatMap(parseBatch);
  const notes = [...steps.flatMap((step) => findNotes(step, now)), ...batches.flatMap(findBatchNotes)];
  return {
    changes: steps.flatMap(toChange).sort(compareChanges),
    // The steps lack most resources that do not change.
    unchanged: Math.max(0, (digest.changeSummary?.same ?? 0) - (isStackUnchanged ? 1 : 0)),
    batches,
    notes: notes.filter(({ count }) => count !== 0),
    messages,
  };
}

/** Parses what the provider says about a batch, for example `intake-2027 (200 invitations): 3 to create, 14 to delete`. */
function parseBatch(message: string): Batch[] {
  const [, name = "", size = "", list] = /^(.+) \(([\d,]+) invitations?\): (\d.*)$/.exec(message) ?? [];
  if (list === undefined) return [];
  const parseNumber = (number: string): number => Number(number.replaceAll(",", ""));
  const counts = [...list.matchAll(/(?:^|, )([\d,]+) ([a-z ]+)/g)].map(([, count = "", what = ""]) => {
    return { count: parseNumber(count), what };
  });
  return [{ name, size: parseNumber(size), counts }];
}

/** Invitations come first within an operation. The engine's order differs from run to run. */
function compareChanges(a: Change, b: Change): number {
  const rank = ({ operation, type }: Change): number =>
    2 * operations.indexOf(operation) + (type.startsWith("Invitation") && type !== "InvitationStage" ? 0 : 1);
  const key = ({ name, type }: Change): string => `${name} ${type}`;
  return rank(a) - rank(b) || (key(a) < key(b) ? -1 : 1);
}

/** Whether a step is about an object outside Pulumi, unlike the stack, components and providers. */
function isResource({ urn, oldState, newState }: Step): boolean {
  const type = parseUrn(urn).type;
  const isCustom = (newState ?? oldState)?.custom !== false;
  return isCustom && type !== "pulumi:pulumi:Stack" && !type.startsWith("pulumi:providers:");
}

function operationOf({ op }: Step): Change["operation"] | undefined {
  const operation = op === "create-replacement" || op === "import-replacement" ? "replace" : op;
  return operations.find((known) => known === operation);
}

function className(urn: string): string {
  return parseUrn(urn).type.split(":").at(-1) ?? "";
}

function nameOf(urn: string): string {
  return redactLine(parseUrn(urn).name);
}

function toChange(step: Step): Change[] {
  const operation = operationOf(step);
  if (operation === undefined) return [];
  const { urn } = step;
  const properties = (operation === "delete" ? [] : changedProperties(step)).slice(0, maxProperties);
  return [{ operation, type: redactLine(className(urn)), name: nameOf(urn), properties }];
}

function changedProperties({ op, urn, newState, oldState, detailedDiff, diffReasons }: Step): Change["properties"] {
  if (op === "create" || op === "import") {
    return Object.entries(newState?.inputs ?? {})
      .filter(([name, value]) => !name.startsWith("__") && !(name === "name" && value === parseUrn(urn).name))
      .flatMap(([name, value]) => flatten([name], value))
      .map(({ keys, value }) => ({ path: redactLine(formatPath(keys)), after: format(value) }));
  }
  const details: NonNullable<Step["detailedDiff"]> = detailedDiff ?? {};
  const paths = Object.keys(details).length > 0 ? Object.keys(details) : (diffReasons ?? []);
  return paths
    .filter((path) => !path.startsWith("__"))
    .map((path) => {
      const { kind = "update", inputDiff } = details[path] ?? {};
      const keys = parsePath(path);
      const oldInput = inputDiff === false ? undefined : valueAt(oldState?.inputs, keys);
      return {
        path: redactLine(formatPath(keys)),
        ...(kind.startsWith("add") ? {} : { before: format(oldInput ?? valueAt(oldState?.outputs, keys)) }),
        ...(kind.startsWith("delete") ? {} : { after: format(valueAt(newState?.inputs, keys)) }),
      };
    });
}

/** The values in objects, with their paths, as Pulumi lists what changes. The entries of a batch stay whole. */
function flatten(keys: string[], value: unknown): { keys: string[]; value: unknown }[] {
  if (!isJsonObject(value) || (keys[0] === "invitations" && keys.length > 1)) return [{ keys, value }];
  return Object.entries(value).flatMap(([key, nested]) => flatten([...keys, key], nested));
}

/** The keys of a property path such as `fixedData.attributes["cost center"][0]`. */
function parsePath(path: string): (string | number)[] {
  return [...path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(
    ([, quoted, index, name]) =>
      quoted?.replace(/\\(.)/g, "$1") ?? (index === undefined ? (name ?? "") : Number(index)),
  );
}

function valueAt(properties: Properties | null | undefined, keys: readonly (string | number)[]): unknown {
  return keys.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null ? ownValue(value as Properties, String(key)) : undefined,
    properties ?? undefined,
  );
}

function format(value: unknown): string {
  if (value === undefined) return "(unknown)";
  if (value === unknownValue) return "(known after up)";
  if (value === "[secret]") return value;
  const json = redactLine(toPrintableJson(value).replaceAll(`"${unknownValue}"`, "(known after up)"));
  return json.length > maxValueLength ? `${truncate(json, maxValueLength)}…` : json;
}

function findNotes(step: Step, now: Date): Note[] {
  const operation = operationOf(step);
  const type = className(step.urn);
  if (operation === undefined || (type !== "Invitation" && type !== "InvitationBatch")) return [];
  const name = nameOf(step.urn);
  const isEnded = operation === "delete" || operation === "replace";
  const ended: Note = { kind: "link stops working", name, count: isEnded ? countPending(step) : 0 };
  if (operation === "delete") return [ended];
  const olds = operation === "update" || operation === "import" ? step.oldState?.inputs : undefined;
  return [
    ended,
    { kind: "email", name, count: type === "Invitation" ? countNewRecipients(step.newState?.inputs, olds) : 0 },
    { kind: "no early expiry", name, count: countLateExpiries(step.newState?.inputs ?? {}, olds, now) },
  ];
}

/** How many invitations of a deleted or replaced resource can still be used. */
function countPending({ urn, oldState }: Step): number {
  const { status, statuses } = oldState?.outputs ?? {};
  const all = className(urn) === "Invitation" ? [status] : isJsonObject(statuses) ? Object.values(statuses) : [];
  return all.filter((each) => each === "pending").length;
}

type Inputs = Properties | null | undefined;

/** How many addresses the link is emailed to. undefined if they are secret. */
function countNewRecipients(news: Inputs, olds: Inputs): number | undefined {
  const sent = recipientsIn(olds);
  return recipientsIn(news)?.filter((address) => !sent?.includes(address)).length;
}

/** The addresses in the input `email`. undefined if they are secret. */
function recipientsIn(inputs: Inputs): unknown[] | undefined {
  const email = inputs?.["email"];
  if (email === undefined || email === null) return [];
  const to = isJsonObject(email) ? email["to"] : undefined;
  return Array.isArray(to) && !to.includes("[secret]") ? to : undefined;
}

/** How many invitations get an expiry that is late. */
function countLateExpiries(news: Properties, olds: Inputs, now: Date): number {
  const properties = ["expires", "validFor", "invitations"];
  if (properties.every((property) => format(news[property]) === format(olds?.[property]))) return 0;
  const entries = isJsonObject(news["invitations"]) ? Object.values(news["invitations"]) : [{}];
  return entries.filter((entry) => expiresLate({ ...news, ...Object(entry) }, now)).length;
}

function expiresLate({ expires, validFor }: Properties, now: Date): boolean {
  const limit = now.getTime() + maxExpiryDays * 24 * 60 * 60 * 1000;
  if (typeof expires === "string") return Date.parse(expires) > limit;
  const duration = typeof validFor === "string" ? parseDuration(validFor) : undefined;
  return duration !== undefined && Date.parse(addDuration(now.toISOString(), duration)) > limit;
}

function findBatchNotes({ name, counts }: Batch): Note[] {
  const sum = (...kinds: string[]): number =>
    counts.reduce((total, { count, what }) => (kinds.includes(what) ? total + count : total), 0);
  return [
    { kind: "link stops working", name, count: sum("to delete", "to reissue") },
    { kind: "link changes", name, count: sum("with another link") },
    { kind: "email", name, count: sum("to email") },
  ];
}
