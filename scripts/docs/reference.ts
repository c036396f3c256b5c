/**
 * Reads the package's reference from its doc comments with TypeScript's compiler.
 *
 * TypeDoc and API Extractor follow the structure of the code (constructors, properties, methods, type aliases), but readers of a Pulumi resource
 * expect the structure of the Pulumi Registry: example, inputs, outputs, import, permissions, errors. A theme that rearranges their output is
 * longer than this file, and adds two dependencies that must support each new version of TypeScript.
 *
 * The sections of a page come from the tags of a class or function, which editors show as well: `@example`, `@importing` (`@import` is one of
 * TypeScript's own), `@drift`, `@permissions` and `@throws`. An input can have a `@default`.
 */
import { join } from "node:path";
import * as ts from "typescript";

/** An input or output. */
export interface Property {
  readonly name: string;
  /** The TypeScript type, without `pulumi.Input` or `pulumi.Output`. */
  readonly type: string;
  readonly isOptional: boolean;
  readonly comment: string;
  readonly defaultsTo: string | undefined;
}

export interface Tag {
  readonly name: string;
  readonly text: string;
}

/** A class or function that has its own page. */
export interface Entry {
  readonly kind: "resource" | "component" | "function";
  readonly name: string;
  readonly comment: string;
  readonly tags: readonly Tag[];
  /** The type of the arguments. */
  readonly inputs: DescribedType;
  /** The class itself, or the type that the function returns. */
  readonly outputs: DescribedType;
  /** Exported interfaces that the types of inputs mention. */
  readonly nested: readonly DescribedType[];
  /** The parameters of the constructor or function. */
  readonly parameters: string;
  /** Whether the function returns one object, a list of objects, or an object that maps a key to each. */
  readonly returns: "object" | "list" | "map";
  /** Whether the function sends no request. */
  readonly isLocal: boolean;
  /** The static method `get` of a class, or the variant of a function that accepts outputs. */
  readonly companion: { readonly name: string; readonly comment: string; readonly parameters: string } | undefined;
}

export interface DescribedType {
  readonly name: string;
  readonly comment: string;
  readonly properties: readonly Property[];
  /** The properties of the interfaces that it extends. */
  readonly inherited: readonly Property[];
}

/** The classes and functions that the package exports. Exported types are part of the class or function that uses them. */
export function readReference(root: string): readonly Entry[] {
  const { checker, module } = readModule(root, "index.ts");
  const exported = new Map(
    checker
      .getExportsOfModule(module)
      .map((symbol) => [symbol.name, symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol]),
  );
  const reader = new Reader(checker, exported);
  return [...exported.values()].flatMap((symbol) => {
    const declaration = symbol.declarations?.[0];
    if (!declaration) return [];
    if (ts.isClassDeclaration(declaration)) return [reader.readClass(symbol, declaration)];
    const isOutputForm = symbol.name.endsWith("Output");
    return ts.isFunctionDeclaration(declaration) && !isOutputForm ? [reader.readFunction(symbol, declaration)] : [];
  });
}

/** An interface that a file in `provider` exports. */
export function readInterface(root: string, file: string, name: string): DescribedType {
  const { checker, module } = readModule(root, file);
  const symbol = checker.getExportsOfModule(module).find((exported) => exported.name === name);
  return new Reader(checker, new Map()).readInterface(symbol);
}

function readModule(root: string, file: string): { checker: ts.TypeChecker; module: ts.Symbol } {
  const path = join(root, "provider", file);
  const { config } = ts.readConfigFile(join(root, "provider", "tsconfig.json"), ts.sys.readFile) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const program = ts.createProgram([path], {
    ...options,
    composite: false,
    incremental: false,
    tsBuildInfoFile: undefined,
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(path);
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) throw new Error(`Could not read ${path}.`);
  return { checker, module };
}

class Reader {
  readonly #checker: ts.TypeChecker;
  readonly #exported: ReadonlyMap<string, ts.Symbol>;

  constructor(checker: ts.TypeChecker, exported: ReadonlyMap<string, ts.Symbol>) {
    this.#checker = checker;
    this.#exported = exported;
  }

  readClass(symbol: ts.Symbol, declaration: ts.ClassDeclaration): Entry {
    const base = declaration.heritageClauses?.[0]?.types[0]?.expression.getText() ?? "";
    const get = declaration.members.find((member) => ts.isMethodDeclaration(member) && member.name.getText() === "get");
    const companion =
      get && ts.isMethodDeclaration(get) ? this.#readCompanion(`${symbol.name}.get`, get, get.name) : undefined;
    const outputs = declaration.members.filter(
      (member): member is ts.PropertyDeclaration | ts.GetAccessorDeclaration =>
        (ts.isPropertyDeclaration(member) || ts.isGetAccessorDeclaration(member)) &&
        !ts.getJSDocTags(member).some(({ tagName }) => tagName.text === "internal"),
    );
    const inputs = this.readInterface(this.#exported.get(`${symbol.name}Args`));
    return {
      kind: base === "pulumi.ComponentResource" ? "component" : "resource",
      name: symbol.name,
      ...this.#readDocumentation(symbol),
      inputs,
      nested: this.#readNested(inputs),
      parameters: "name, args, opts?",
      outputs: {
        name: symbol.name,
        comment: "",
        properties: outputs.map((output) => this.#readProperty(output)),
        inherited: [],
      },
      returns: "object",
      isLocal: false,
      companion,
    };
  }

  readFunction(symbol: ts.Symbol, declaration: ts.FunctionDeclaration): Entry {
    const typeArguments =
      declaration.type && ts.isTypeReferenceNode(declaration.type) ? declaration.type.typeArguments : undefined;
    const isLocal = declaration.type?.getText().startsWith("Record<") ?? false;
    const result = typeArguments?.[isLocal ? 1 : 0];
    if (!result) throw new Error(`${symbol.name} must declare its return type as a Promise or a Record.`);
    const element = ts.isArrayTypeNode(result) ? result.elementType : result;
    const inputs = this.readInterface(
      this.#exported.get(declaration.parameters.at(isLocal ? -1 : 0)?.type?.getText() ?? ""),
    );
    const outputForm = this.#exported.get(`${symbol.name}Output`)?.declarations?.[0];
    return {
      kind: "function",
      name: symbol.name,
      ...this.#readDocumentation(symbol),
      inputs,
      nested: this.#readNested(inputs),
      parameters: isLocal ? "file, options" : "args, opts?",
      outputs: this.readInterface(this.#exported.get(element.getText())),
      returns: isLocal ? "map" : element === result ? "object" : "list",
      isLocal,
      companion:
        outputForm && ts.isFunctionDeclaration(outputForm)
          ? this.#readCompanion(`${symbol.name}Output`, outputForm, outputForm.name)
          : undefined,
    };
  }

  readInterface(symbol: ts.Symbol | undefined): DescribedType {
    const declaration = symbol?.declarations?.[0];
    if (!symbol || !declaration || !ts.isInterfaceDeclaration(declaration)) {
      throw new Error(
        `The package does not export the interface ${symbol?.name ?? "of a function's arguments or result"}.`,
      );
    }
    const properties = declaration.members.filter((member) => ts.isPropertySignature(member));
    const own = new Set(properties.map((property) => property.name.getText()));
    const all = this.#checker.getPropertiesOfType(this.#checker.getDeclaredTypeOfSymbol(symbol));
    const inherited = all.flatMap(({ name, declarations: [property] = [] }) =>
      property && ts.isPropertySignature(property) && !own.has(name) ? [property] : [],
    );
    return {
      name: symbol.name,
      comment: this.#readDocumentation(symbol).comment,
      properties: properties.map((property) => this.#readProperty(property)),
      inherited: inherited.map((property) => this.#readProperty(property)),
    };
  }

  #readNested({ properties }: DescribedType): DescribedType[] {
    const names = new Set(properties.flatMap(({ type }) => type.match(/\b[A-Z]\w+/g) ?? []));
    return [...names].flatMap((name) => {
      const symbol = this.#exported.get(name);
      const isInterface = symbol?.declarations?.[0] && ts.isInterfaceDeclaration(symbol.declarations[0]);
      return isInterface ? [this.readInterface(symbol)] : [];
    });
  }

  #readProperty(declaration: ts.PropertyDeclaration | ts.GetAccessorDeclaration | ts.PropertySignature): Property {
    const symbol = this.#checker.getSymbolAtLocation(declaration.name);
    if (!symbol || !declaration.type) throw new Error(`${declaration.getText()} must declare its type.`);
    const { comment, tags } = this.#readDocumentation(symbol);
    return {
      name: symbol.name,
      type: formatType(declaration.type),
      isOptional: !ts.isGetAccessorDeclaration(declaration) && declaration.questionToken !== undefined,
      comment,
      defaultsTo: tags.find(({ name }) => name === "default")?.text,
    };
  }

  #readCompanion(
    name: string,
    declaration: ts.MethodDeclaration | ts.FunctionDeclaration,
    nameNode: ts.Node | undefined,
  ): Entry["companion"] {
    const symbol = nameNode && this.#checker.getSymbolAtLocation(nameNode);
    const parameters = declaration.parameters.map(
      (parameter) => parameter.name.getText() + (parameter.questionToken || parameter.initializer ? "?" : ""),
    );
    return { name, comment: symbol ? this.#readDocumentation(symbol).comment : "", parameters: parameters.join(", ") };
  }

  #readDocumentation(symbol: ts.Symbol): { comment: string; tags: Tag[] } {
    return {
      comment: ts.displayPartsToString(symbol.getDocumentationComment(this.#checker)),
      tags: (symbol.declarations?.[0] ? ts.getJSDocTags(symbol.declarations[0]) : []).map((tag) => ({
        name: tag.tagName.text,
        text: readTagText(tag),
      })),
    };
  }
}

/** The text of a tag as written. The compiler's own function removes the indentation of code. */
function readTagText(tag: ts.JSDocTag): string {
  return tag
    .getText()
    .slice(`@${tag.tagName.text}`.length)
    .split("\n")
    .map((line) => line.replace(/^\s*\*(\/$| ?)/, ""))
    .join("\n")
    .trim();
}

/** The type without `pulumi.Input` and `pulumi.Output`, which every property has. */
function formatType(node: ts.TypeNode): string {
  const isWrapped = ts.isTypeReferenceNode(node) && /^pulumi\.(Input|Output)$/.test(node.typeName.getText());
  const inner = isWrapped ? node.typeArguments?.[0] : undefined;
  return (inner ?? node)
    .getText()
    .replaceAll(/\s+/g, " ")
    .replace(/^\| /, "")
    .replaceAll(/pulumi\.Input<(\w+)>/g, "$1")
    .replace(/^pulumi\.Output<(.*)>$/, "$1");
}
