import { defaultConnection } from "../../common/base-url";
import { stripWhitespace } from "../../common/whitespace";
import type { Declaration } from "../../objects/declaration";
import { flow } from "../../objects/flow";
import { type Properties, withoutUndefined } from "../../values/properties";
import { type ExportedObject, type Stored, toInputs } from "./resources";
import { Source, toLiteral, toStringLiteral } from "./typescript";

/** A secret setting: an invitation's pk, or the pks of a batch's invitations by key. */
export type SecretSetting = string | Readonly<Record<string, string>>;

/** Collects the program's source code. */
export class ProgramWriter {
  readonly secrets = new Map<string, SecretSetting>();
  readonly skipped: string[] = [];
  /** What inputs of other resources refer to, by pk. Without one, they have the pk. */
  readonly references = new Map<unknown, Source | string>();
  hasResources: boolean = false;
  readonly #connection: Readonly<Record<string, string>>;
  readonly #usedVariables = new Set<string>();
  readonly #parts: (() => string)[] = [];

  constructor(connection: string = defaultConnection) {
    this.#connection = connection === defaultConnection ? {} : { connection };
  }

  get sources(): string[] {
    return this.#parts.map((part) => part()).filter((source) => source !== "");
  }

  add(source: string): void {
    this.#parts.push(() => source);
  }

  skip(reason: string): void {
    this.add(`// ${reason}`);
    this.skipped.push(reason);
  }

  write({ declaration, stored, name, variable = "", skipped }: ExportedObject): void {
    const { pk } = stored;
    if (skipped !== undefined) {
      this.skip(skipped);
      if (declaration === flow) this.#declare(variable, "id", pk, `{ id: ${toStringLiteral(pk)} }`);
    } else if (declaration !== undefined) {
      this.#import(declaration, stored, name, variable);
    } else if (stripWhitespace(String(stored["name"])) !== "") {
      const args = Object.entries({ name: stored["name"], ...this.#connection });
      const source = args.map(([key, value]) => `${key}: ${toLiteral(value)}`).join(", ");
      this.#declare(variable, "pk", pk, `authentik.getStageOutput({ ${source} })`);
    }
  }

  /** Declares a variable for an existing object if something refers to its property with the pk. */
  #declare(variable: string, property: string, pk: string, source: string): void {
    this.references.set(pk, new Source(`${variable}.${property}`, variable));
    this.#parts.push(() => (this.#usedVariables.has(variable) ? `const ${variable} = ${source};` : ""));
  }

  #import({ name: type, properties, hasSecretPk }: Declaration, stored: Stored, name: string, variable: string): void {
    const setting = `pk-${name}`;
    if (hasSecretPk) this.secrets.set(setting, stored.pk);
    if (variable !== "") this.references.set(stored.pk, new Source(`${variable}.id`, variable));
    const inputs = Object.entries(toInputs(properties, name, stored)).map(([input, value]) => [
      input,
      ["flow", "stage", "target"].includes(input) ? (this.references.get(value) ?? value) : value,
    ]);
    const importSource = hasSecretPk ? `config.require(${toStringLiteral(setting)})` : toStringLiteral(stored.pk);
    // The flow comes first.
    const ordered = withoutUndefined({ flow: undefined, ...Object.fromEntries(inputs) });
    this.addResource(type, name, ordered, importSource, variable);
  }

  addResource(type: string, name: string, ownInputs: Properties, importSource?: string, variable = ""): void {
    const inputs = { ...ownInputs, ...this.#connection };
    const title = toStringLiteral(name);
    this.hasResources = true;
    for (const input of Object.values(inputs)) {
      if (input instanceof Source && input.variable !== undefined) this.#usedVariables.add(input.variable);
    }
    this.#parts.push(() => {
      const opening = `${this.#usedVariables.has(variable) ? `const ${variable} = ` : ""}new authentik.${type}(`;
      if (importSource === undefined) return `${opening}${title}, ${toLiteral(inputs)});`;
      const options = `{ import: ${importSource} }`;
      const line = `${opening}${title}, {}, ${options});`;
      if (Object.keys(inputs).length === 0 && line.length <= 120) return line;
      return [opening, `  ${title},`, `  ${toLiteral(inputs, "  ")},`, `  ${options},`, ");"].join("\n");
    });
  }
}
