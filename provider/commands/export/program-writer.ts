import { defaultConnection } from "../../common/base-url";
import { toPrintableLine } from "../../common/printable";
import { Source, toLiteral, toStringLiteral } from "./literals";

/** A secret setting: an invitation's pk, or the pks of a batch's invitations by key. */
export type SecretSetting = string | Readonly<Record<string, string>>;

interface ResourceSource {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Source code of the resource option `import`. */
  readonly importSource?: string;
  readonly variable?: Variable;
}

/** A variable of the program. It is declared only if something refers to it. */
export class Variable {
  readonly #identifier: string;
  #isUsed: boolean = false;

  constructor(identifier: string) {
    this.#identifier = identifier;
  }

  reference(property: string): Source {
    this.#isUsed = true;
    return new Source(`${this.#identifier}.${property}`);
  }

  get isUsed(): boolean {
    return this.#isUsed;
  }

  get declaration(): string {
    return this.#isUsed ? `const ${this.#identifier} = ` : "";
  }
}

/** Collects the program's source code. */
export class ProgramWriter {
  readonly #parts: (() => string[])[] = [];
  /** By configuration key. */
  readonly secrets = new Map<string, SecretSetting>();
  /** What the program does not contain, and why. */
  readonly skipped: string[] = [];
  #hasResources: boolean = false;
  readonly #connection: { readonly connection?: string };

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

  line(source: string): void {
    this.#parts.push(() => [source, ""]);
  }

  variable(variable: Variable, source: string): void {
    this.#parts.push(() => (variable.isUsed ? [`${variable.declaration}${source};`, ""] : []));
  }

  stageLookup(variable: Variable, name: string): void {
    const args = Object.entries({ name, ...this.#connection }).map(
      ([key, value]) => `${key}: ${toStringLiteral(value)}`,
    );
    this.variable(variable, `authentik.getStageOutput({ ${args.join(", ")} })`);
  }

  resource({ type, name, inputs: ownInputs, importSource, variable }: ResourceSource): void {
    const inputs = { ...ownInputs, ...this.#connection };
    this.#hasResources = true;
    this.#parts.push(() => {
      const opening = `${variable?.declaration ?? ""}new authentik.${type}(`;
      const title = toStringLiteral(name);
      if (importSource === undefined) return [`${opening}${title}, ${toLiteral(inputs)});`, ""];
      const options = `{ import: ${importSource} }`;
      const line = `${opening}${title}, {}, ${options});`;
      if (Object.keys(inputs).length === 0 && line.length <= 120) return [line, ""];
      return [opening, `  ${title},`, `  ${toLiteral(inputs, "  ")},`, `  ${options},`, ");", ""];
    });
  }

  skip(object: string, why: string): void {
    // One line, because a line separator in a name from authentik would end the comment.
    const reason = toPrintableLine(`${object}: ${why}.`);
    this.line(`// ${reason}`);
    this.skipped.push(reason);
  }
}
