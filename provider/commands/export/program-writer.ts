import type { dynamic } from "@pulumi/pulumi";
import { defaultConnection } from "../../common/base-url";
import { toPrintableLine } from "../../common/printable";
import { apiNames, type Declaration, type Declared } from "../../objects/declaration";
import { type Properties, pick, unknownValue } from "../../values/properties";
import { Source, toLiteral, toStringLiteral } from "./literals";

/** A secret setting: an invitation's pk, or the pks of a batch's invitations by key. */
export type SecretSetting = string | Readonly<Record<string, string>>;

interface Checkable {
  check(olds: Properties, news: Properties): Promise<dynamic.CheckResult>;
}

/** An object in authentik, which a resource of the program imports. */
interface Existing {
  readonly name: string;
  readonly stored: Properties & { readonly pk: string };
  /** The inputs that refer to other resources. */
  readonly references?: Properties;
  readonly variable?: string;
  /** Its name in the comment if it is skipped. */
  readonly label: string;
}

/** Why the resource's `check` rejects authentik's values, if it does. */
export async function validationError(
  properties: Declared,
  operations: Checkable,
  stored: Properties,
): Promise<string | undefined> {
  const names = apiNames(properties).filter((name) => stored[name] !== null);
  const inputs = pick(stored, names);
  // An unknown import: what already exists may have expired, and was just read, so that comparing it again would only cost requests.
  const { failures } = await operations.check({}, { ...inputs, import: unknownValue });
  return failures && failures.length > 0 ? failures.map(({ reason }) => reason).join("; ") : undefined;
}

/** The inputs of a resource with this logical name for what authentik has: those that differ from their defaults. */
export function toInputs(properties: Declared, logicalName: string, stored: Properties): Properties {
  const differing = Object.entries(properties).flatMap(
    ([name, { wire, isSame, default: value, defaultsTo: source }]) => {
      const existing = stored[name] ?? undefined;
      if (wire === undefined || existing === undefined) return [];
      const named = source === "logical name" ? logicalName : stored[source?.input ?? ""];
      return isSame(source === undefined ? value : named, existing) ? [] : [name];
    },
  );
  return pick(stored, differing);
}

interface ResourceSource {
  readonly type: string;
  readonly name: string;
  readonly inputs: Properties;
  /** Source code of the resource option `import`. */
  readonly importSource?: string;
  /** The variable. It is declared only if something refers to it. */
  readonly variable?: string | undefined;
}

/** Collects the program's source code. */
export class ProgramWriter {
  readonly #parts: (() => string[])[] = [];
  /** By configuration key. */
  readonly secrets = new Map<string, SecretSetting>();
  /** What the program does not contain, and why. */
  readonly skipped: string[] = [];
  readonly #usedVariables = new Set<string>();
  readonly #connection: { readonly connection?: string };
  #hasResources: boolean = false;

  constructor(connection?: string) {
    this.#connection = connection === undefined || connection === defaultConnection ? {} : { connection };
  }

  get hasResources(): boolean {
    return this.#hasResources;
  }

  get hasBatches(): boolean {
    return [...this.secrets.values()].some((setting) => typeof setting === "object");
  }

  /** The source code. Each part is followed by an empty line. */
  get lines(): string[] {
    return this.#parts.flatMap((part) => part());
  }

  reference(variable: string, property: string): Source {
    this.#usedVariables.add(variable);
    return new Source(`${variable}.${property}`);
  }

  line(source: string): void {
    this.#parts.push(() => [source, ""]);
  }

  variable(variable: string, source: string): void {
    this.#parts.push(() => (this.#usedVariables.has(variable) ? [`const ${variable} = ${source};`, ""] : []));
  }

  stageLookup(variable: string, name: string): void {
    const args = Object.entries({ name, ...this.#connection }).map(
      ([key, value]) => `${key}: ${toStringLiteral(value)}`,
    );
    this.variable(variable, `authentik.getStageOutput({ ${args.join(", ")} })`);
  }

  resource({ type, name, inputs: ownInputs, importSource, variable = "" }: ResourceSource): void {
    const inputs = { ...ownInputs, ...this.#connection };
    this.#hasResources = true;
    this.#parts.push(() => {
      const opening = `${this.#usedVariables.has(variable) ? `const ${variable} = ` : ""}new authentik.${type}(`;
      const title = toStringLiteral(name);
      if (importSource === undefined) return [`${opening}${title}, ${toLiteral(inputs)});`, ""];
      const options = `{ import: ${importSource} }`;
      const line = `${opening}${title}, {}, ${options});`;
      if (Object.keys(inputs).length === 0 && line.length <= 120) return [line, ""];
      return [opening, `  ${title},`, `  ${toLiteral(inputs, "  ")},`, `  ${options},`, ");", ""];
    });
  }

  /** Declares an existing object, or says why its resource rejects the values. */
  async existing(
    declaration: Declaration,
    operations: Checkable,
    { name, stored, references = {}, variable, label }: Existing,
  ): Promise<boolean> {
    const { properties, name: type } = declaration;
    const why = await validationError(properties, operations, stored);
    if (why === undefined) {
      const emptied = Object.fromEntries(Object.keys(references).map((input) => [input, undefined]));
      const inputs = { ...references, ...toInputs(properties, name, { ...stored, ...emptied }) };
      this.resource({ type, name, inputs, importSource: toStringLiteral(stored.pk), variable });
    } else this.skip(label, why);
    return why === undefined;
  }

  skip(object: string, why: string): void {
    // One line, because a line separator in a name from authentik would end the comment.
    const reason = toPrintableLine(`${object}: ${why}.`);
    this.line(`// ${reason}`);
    this.skipped.push(reason);
  }
}
