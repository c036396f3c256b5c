/**
 * The reference of the package, read out of its doc comments by TypeScript's own compiler.
 *
 * Not by TypeDoc or API Extractor: both follow the code's order (constructors, properties, methods, type aliases, each a page or a heading of
 * its own), while a reader of a Pulumi resource looks for the registry's order: example, inputs, outputs, import, drift, permissions,
 * errors. A theme that turns theirs into that is longer than this file, and two more packages to keep up with TypeScript. The compiler is
 * here anyway.
 *
 * A class or a function says all of it in tags, which editors show as well: `@example`, `@importing` (`@import` is TypeScript's own),
 * `@drift`, `@permissions`, `@throws`; an input its `@default`.
 */
import { join } from "node:path";
import * as ts from "typescript";

/** An input or an output. */
export interface Property {
  readonly name: string;
  /** As TypeScript has it, without `pulumi.Input` or `pulumi.Output`. */
  readonly type: string;
  readonly isOptional: boolean;
  readonly comment: string;
  readonly defaultsTo: string | undefined;
}

export interface Tag {
  readonly name: string;
  readonly text: string;
}

/** What has a page of its own. */
export interface Entry {
  readonly kind: "resource" | "component" | "function";
  readonly name: string;
  readonly comment: string;
  readonly tags: readonly Tag[];
  /** Name and properties of its arguments. */
  readonly inputs: Described;
  /** Properties of the class, or of what the function finds; the name is that type's. */
  readonly outputs: Described;
  /** Whether the function finds a list of them. */
  readonly findsMany: boolean;
  /** The comment of `static get`, and of the function's twin that takes outputs. */
  readonly companion: { readonly name: string; readonly comment: string; readonly parameters: string } | undefined;
}

export interface Described {
  readonly name: string;
  readonly comment: string;
  readonly properties: readonly Property[];
}

/** Everything that the package's index exports, but for types: those stand on the page of what they belong to. */
export function readReference(root: string): readonly Entry[] {
  const index = join(root, "provider", "index.ts");
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const program = ts.createProgram([index], {
    ...options,
    composite: false,
    incremental: false,
    tsBuildInfoFile: undefined,
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(index);
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) throw new Error(`${index} cannot be read.`);

  const exported = new Map(
    checker
      .getExportsOfModule(module)
      .map((symbol) => [symbol.name, symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol]),
  );
  const reader = new Reader(checker, exported);
  return [...exported.values()].flatMap((symbol) => {
    const declaration = symbol.declarations?.[0];
    if (!declaration) return [];
    if (ts.isClassDeclaration(declaration)) return [reader.ofClass(symbol, declaration)];
    const isTwin = symbol.name.endsWith("Output");
    return ts.isFunctionDeclaration(declaration) && !isTwin ? [reader.ofFunction(symbol, declaration)] : [];
  });
}

class Reader {
  readonly #checker: ts.TypeChecker;
  readonly #exported: ReadonlyMap<string, ts.Symbol>;

  constructor(checker: ts.TypeChecker, exported: ReadonlyMap<string, ts.Symbol>) {
    this.#checker = checker;
    this.#exported = exported;
  }

  ofClass(symbol: ts.Symbol, declaration: ts.ClassDeclaration): Entry {
    const base = declaration.heritageClauses?.[0]?.types[0]?.expression.getText() ?? "";
    const get = declaration.members.find((member) => ts.isMethodDeclaration(member) && member.name.getText() === "get");
    const companion =
      get && ts.isMethodDeclaration(get) ? this.#companion(`${symbol.name}.get`, get, get.name) : undefined;
    const outputs = declaration.members.filter(
      (member) => ts.isPropertyDeclaration(member) || ts.isGetAccessorDeclaration(member),
    );
    return {
      kind: base === "pulumi.ComponentResource" ? "component" : "resource",
      name: symbol.name,
      ...this.#documentation(symbol),
      inputs: this.#described(this.#exported.get(`${symbol.name}Args`)),
      outputs: { name: symbol.name, comment: "", properties: outputs.map((output) => this.#property(output)) },
      findsMany: false,
      companion,
    };
  }

  ofFunction(symbol: ts.Symbol, declaration: ts.FunctionDeclaration): Entry {
    const promised =
      declaration.type && ts.isTypeReferenceNode(declaration.type) && declaration.type.typeArguments?.[0];
    if (!promised) throw new Error(`${symbol.name} does not say what it promises.`);
    const findsMany = ts.isArrayTypeNode(promised);
    const found = findsMany ? promised.elementType : promised;
    const twin = this.#exported.get(`${symbol.name}Output`)?.declarations?.[0];
    return {
      kind: "function",
      name: symbol.name,
      ...this.#documentation(symbol),
      inputs: this.#described(this.#exported.get(declaration.parameters[0]?.type?.getText() ?? "")),
      outputs: this.#described(this.#exported.get(found.getText())),
      findsMany,
      companion:
        twin && ts.isFunctionDeclaration(twin) ? this.#companion(`${symbol.name}Output`, twin, twin.name) : undefined,
    };
  }

  #described(symbol: ts.Symbol | undefined): Described {
    const declaration = symbol?.declarations?.[0];
    if (!symbol || !declaration || !ts.isInterfaceDeclaration(declaration)) {
      throw new Error(`The index exports no interface ${symbol?.name ?? "of the arguments or of what is found"}.`);
    }
    const properties = declaration.members.filter((member) => ts.isPropertySignature(member));
    return {
      name: symbol.name,
      comment: this.#documentation(symbol).comment,
      properties: properties.map((property) => this.#property(property)),
    };
  }

  #property(declaration: ts.PropertyDeclaration | ts.GetAccessorDeclaration | ts.PropertySignature): Property {
    const symbol = this.#checker.getSymbolAtLocation(declaration.name);
    if (!symbol || !declaration.type) throw new Error(`${declaration.getText()} has no type.`);
    const { comment, tags } = this.#documentation(symbol);
    return {
      name: symbol.name,
      type: typeText(declaration.type),
      isOptional: !ts.isGetAccessorDeclaration(declaration) && declaration.questionToken !== undefined,
      comment,
      defaultsTo: tags.find(({ name }) => name === "default")?.text,
    };
  }

  #companion(
    name: string,
    declaration: ts.MethodDeclaration | ts.FunctionDeclaration,
    at: ts.Node | undefined,
  ): Entry["companion"] {
    const symbol = at && this.#checker.getSymbolAtLocation(at);
    const parameters = declaration.parameters.map(
      (parameter) => parameter.name.getText() + (parameter.questionToken ? "?" : ""),
    );
    return { name, comment: symbol ? this.#documentation(symbol).comment : "", parameters: parameters.join(", ") };
  }

  #documentation(symbol: ts.Symbol): { comment: string; tags: Tag[] } {
    return {
      comment: ts.displayPartsToString(symbol.getDocumentationComment(this.#checker)),
      tags: (symbol.declarations?.[0] ? ts.getJSDocTags(symbol.declarations[0]) : []).map((tag) => ({
        name: tag.tagName.text,
        text: textOf(tag),
      })),
    };
  }
}

/** A tag's text as it was written: the compiler's own takes the indentation out of code. */
function textOf(tag: ts.JSDocTag): string {
  return tag
    .getText()
    .slice(`@${tag.tagName.text}`.length)
    .split("\n")
    .map((line) => line.replace(/^\s*\*(\/$| ?)/, ""))
    .join("\n")
    .trim();
}

/** A type as a program's author thinks of it: without the `pulumi.Input` and `pulumi.Output` that are everywhere. */
function typeText(node: ts.TypeNode): string {
  const wrapped = ts.isTypeReferenceNode(node) && /^pulumi\.(Input|Output)$/.test(node.typeName.getText());
  const inner = wrapped ? node.typeArguments?.[0] : undefined;
  return (inner ?? node)
    .getText()
    .replaceAll(/\s+/g, " ")
    .replace(/^\| /, "")
    .replace(/^pulumi\.Output<(.*)>$/, "$1");
}
