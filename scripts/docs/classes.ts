/**
 * Generates the resource classes of TypeScript programs from the declarations of the objects. They are code, not types that are derived: an editor
 * shows plain interfaces and doc comments.
 */
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import type { Declaration } from "../../provider/objects/declaration";
import type { Property } from "../../provider/objects/property";
import type * as Internals from "../../test/bundle-internals";

// biome-ignore lint/suspicious/noExplicitAny: a declaration of any object.
type AnyDeclaration = Declaration<any>;

/** What a class has in addition to its declaration. */
interface Class {
  readonly file: string;
  readonly declaration: AnyDeclaration;
  /** The inputs that are documented where they come from. */
  readonly inherited?: { readonly from: string; readonly names: readonly string[] };
  /** The interface of the inputs in a map. */
  readonly nested?: { readonly name: string; readonly comment: string; readonly properties: Declaration["properties"] };
  readonly argsComment?: string;
  /** The function of program/ that completes a resource: warnings, and outputs that are made when they are used. */
  readonly complete?: string;
  /** The function beside it that returns inputs which programs do not set. */
  readonly hiddenInputs?: string;
  /** Outputs of which Pulumi would print every entry if one changes. */
  readonly hiddenDiffs?: readonly string[];
}

/** The compiler only writes types of provider/, so the declarations come from the bundle. */
const internals = require(
  join(dirname(require.resolve("pulumi-authentik-invitations/package.json")), "dist/bundle-internals.js"),
) as typeof Internals;
const { connectionInput, connectionProperty, permission } = internals;
const { entryProperties, flow, flowStageBinding, invitation, invitationBatch, invitationStage, sharedNames } =
  internals;

const classes: readonly Class[] = [
  { file: "flow", declaration: flow },
  { file: "flow-stage-binding", declaration: flowStageBinding },
  { file: "invitation-stage", declaration: invitationStage },
  { file: "invitation", declaration: invitation, complete: "completeInvitation" },
  {
    file: "invitation-batch",
    declaration: invitationBatch,
    inherited: { from: "InvitationArgs", names: [...sharedNames, connectionInput] },
    nested: {
      name: "InvitationBatchEntry",
      comment:
        "What is different for one invitation of an {@link InvitationBatch}. Everything that is omitted is as the batch says.",
      properties: entryProperties,
    },
    argsComment:
      "Inputs of an {@link InvitationBatch}. All but `name`, `invitations` and `connection` are defaults for the entries.",
    complete: "completeBatch",
    hiddenInputs: "hiddenInputs",
    hiddenDiffs: ["ids", "statuses", "retiredAt", "emailedTo"],
  },
];

/** The first examples in YAML, by the names of the resources. */
export const yamlExamples: ReadonlyMap<string, string | undefined> = new Map(
  classes.map(({ declaration: { name, documentation } }) => [name, documentation.examples[0]?.yaml]),
);

/** The sources of the classes, by path relative to the root. */
export function generateClasses(root: string): ReadonlyMap<string, string> {
  return new Map(
    classes.map((described) => {
      const path = `provider/program/${described.file}.ts`;
      return [path, format(root, path, generateClass(described))];
    }),
  );
}

function format(root: string, path: string, source: string): string {
  const biome = join(root, "node_modules/@biomejs/biome/bin/biome");
  return execFileSync(process.execPath, [biome, "check", "--write", "--stdin-file-path", path], {
    cwd: root,
    input: source,
    encoding: "utf8",
  });
}

function generateClass(described: Class): string {
  const { declaration, complete, nested } = described;
  const { name, noun, documentation } = declaration;
  const properties = {
    ...declaration.properties,
    [connectionInput]: connectionProperty(noun),
  } as Declaration["properties"];
  const hasGet = documentation.read !== undefined;
  const body = `${nested ? interfaceOf(nested.name, nested.comment, nested.properties) : ""}
${interfaceOf(
  `${name}Args`,
  described.argsComment ?? `Inputs of ${article(name)} {@link ${name}}.`,
  properties,
  described.inherited,
)}
${
  hasGet
    ? `${comment([`What {@link ${name}.get} needs to know in addition to the id.`])}
export interface ${name}State {
${comment([`${ofState(noun)}, see {@link InvitationArgs.connection}.`, '@default "authentik"'])}
  connection?: pulumi.Input<string>;
}`
    : ""
}

${comment(classComment(declaration))}
export class ${name} extends AuthentikResource {
  /** The resource's type, by which policies find it. */
  static readonly __pulumiType: string = resourceType("${name}");

${outputsOf(described, properties)}
${hasGet ? getOf(declaration) : ""}
${constructorOf(described, properties)}
}
`;
  const imported = ["AuthentikResource", "idOf", "orDefault", "resourceType", "validateGet"].filter(
    (used) => body.includes(`${used}(`) || body.includes(`extends ${used}`),
  );
  return `/** Generated by \`npm run docs\` from the declaration in provider/objects. Do not edit. */
import ${declaration.hasSecretPk ? "* as" : "type * as"} pulumi from "@pulumi/pulumi";
${declaration.hasSecretPk ? 'import { invitationId } from "../common/pk";' : ""}
${complete ? `import { ${[complete, ...(described.hiddenInputs ? [described.hiddenInputs] : [])].join(", ")} } from "./${described.file}-outputs";` : ""}
${described.inherited ? `import type { ${described.inherited.from} } from "./invitation";` : ""}
${body.includes("InvitationEmail") ? 'import type { InvitationEmail } from "./invitation-email";' : ""}
import { ${imported.join(", ")} } from "./resource";

${body}`;
}

function ofState(noun: string): string {
  return `Configuration namespace with the URL and token of the authentik that has the ${noun}`;
}

function interfaceOf(
  name: string,
  description: string,
  properties: Declaration["properties"],
  inherited?: Class["inherited"],
): string {
  const own = Object.entries(properties).filter(([property]) => !inherited?.names.includes(property));
  const base = inherited
    ? ` extends Pick<${inherited.from}, ${inherited.names.map((property) => JSON.stringify(property)).join(" | ")}>`
    : "";
  return `${comment([description])}
export interface ${name}${base} {
${own.map(([property, declared]) => inputOf(property, declared)).join("\n\n")}
}
`;
}

function inputOf(name: string, { comment: text, defaultComment, type, isRequired }: Property): string {
  const lines = [text, ...(defaultComment === undefined ? [] : [`@default ${defaultComment}`])];
  return `${comment(lines)}\n  ${name}${isRequired ? "" : "?"}: ${toInput(type)};`;
}

/** A resource is passed as it is, and everything else can be an output. */
function toInput(type: string): string {
  const resource = " | pulumi.CustomResource";
  return type.endsWith(resource)
    ? `pulumi.Input<${type.slice(0, -resource.length)}>${resource}`
    : `pulumi.Input<${type}>`;
}

function outputsOf({ declaration, inherited }: Class, properties: Declaration["properties"]): string {
  const { noun, outputs, hasSecretPk } = declaration;
  const names = inherited ? ["name", connectionInput] : Object.keys(properties);
  const inputs = names.map((name) => {
    const property = properties[name] as Property;
    return output(name, outputType(property), [property.output]);
  });
  const pk = `UUID of the ${noun}, the same as \`id\`. Pass \`id\` to other resources: if the ${noun} drifted, its other outputs are unknown at preview.`;
  const isPlain = !hasSecretPk && inherited === undefined;
  return [
    ...inputs,
    ...(isPlain ? [output("pk", "string", [pk])] : []),
    ...Object.entries(outputs).flatMap(([name, { type, comment: text, isInternal }]) =>
      isInternal ? [] : [output(name, type, [text])],
    ),
  ].join("\n");
}

function output(name: string, type: string, lines: readonly string[]): string {
  return `${comment(lines)}\n  declare public readonly ${name}: pulumi.Output<${type}>;`;
}

function outputType({ type, outputType: own, isRequired, default: value, defaultsTo }: Property): string {
  if (own !== undefined) return own;
  const plain = type
    .replace(" | pulumi.CustomResource", "")
    .replace("InvitationEmail", "pulumi.UnwrappedObject<InvitationEmail>");
  return isRequired || value !== undefined || defaultsTo !== undefined ? plain : `${plain} | undefined`;
}

function classComment({ noun, path, documentation, ...declaration }: AnyDeclaration): string[] {
  const { description, examples, importing, lookup, drift, permissions, morePermissions, throws } = documentation;
  const reverted =
    "A refresh shows changed inputs line by line, with the user who changed them, and `pulumi up` reverts them in place.";
  const needed = (["add", "view", "change", "delete"] as const).map(
    (action) => `\`${permission(declaration, action)}\``,
  );
  const more = morePermissions === undefined ? "" : `, and ${morePermissions}`;
  const eventUse = documentation.eventUse ?? "to report who changed it";
  return [
    description,
    `API: \`/api/v3/${path}\`.`,
    ...examples.map(({ title, program }) => `@example${title ? ` ${title}` : ""}\n\`\`\`ts\n${program}\n\`\`\``),
    `@importing ${importing ?? `Set the resource option \`import\` to the pk, which {@link ${lookup?.function}} returns. If the ${noun} matches the program, nothing is written. Otherwise the import fails, lists the inputs that differ, and changes nothing. \`pulumi import\` does not support dynamic resources.`}`,
    `@drift ${documentation.isDriftComplete ? drift : `${reverted} ${drift}`}`,
    `@permissions ${permissions ?? `${needed.join(", ")}${more}. Optional, ${eventUse}: \`authentik_events.view_event\`, which also shows every email that authentik sends, recovery links included.`}`,
    [
      "@throws at preview, without a request, if inputs are invalid or misspelled; all of them are reported at once",
      ...throws.map((error) => `@throws ${error}`),
    ].join("\n"),
  ];
}

function getOf({ name, noun, path, documentation, hasSecretPk }: AnyDeclaration): string {
  const { lookup, read } = documentation;
  const hint = lookup?.by === undefined ? "" : ` To look it up by its ${lookup.by}, use {@link ${lookup.function}}.`;
  const id = hasSecretPk
    ? `UUID of the ${noun}: its \`pk\`, not its \`id\`. Stored as a secret`
    : `UUID of the ${noun}`;
  const lines = [
    `Reads an existing ${noun} without managing it.${hint} To read it from another server, set \`connection\` in \`state\`.`,
    [
      "@param name logical name of the resource",
      `@param id ${id}`,
      `@param state the ${noun}'s \`connection\``,
      "@param opts resource options",
    ].join("\n"),
    `API: \`GET /api/v3/${path}${read}\``,
  ];
  const body = hasSecretPk
    ? `// A resource's id is always plaintext, and a hash of the pk does not reveal it.
    const hash = pulumi.unsecret(pulumi.output(id).apply(invitationId));
    return new ${name}(name, { pk: pulumi.secret(id), ...state }, { ...opts, id: hash });`
    : `return new ${name}(name, { ...state }, { ...opts, id });`;
  return `${comment(lines)}
  static get(name: string, id: pulumi.Input<pulumi.ID>, state?: ${name}State, opts?: pulumi.CustomResourceOptions): ${name} {
    validateGet("${name}", id, state, ["connection"]);
    ${body}
  }
`;
}

function constructorOf(described: Class, properties: Declaration["properties"]): string {
  const { declaration, complete, hiddenDiffs, hiddenInputs, inherited } = described;
  const { name, noun, outputs, hasSecretPk, documentation } = declaration;
  const hasGet = documentation.read !== undefined;
  const pk = hasSecretPk || inherited ? [] : ["pk"];
  const names = [
    ...Object.keys(properties).filter((property) => property !== "invitations"),
    ...pk,
    ...Object.keys(outputs),
  ];
  const secrets = Object.keys(outputs).filter((output) => outputs[output]?.isSecret);
  const state = hasSecretPk ? `{ pk: pulumi.Input<string> } & ${name}State` : `${name}State`;
  const isOptional = Object.values(properties).every(({ isRequired }) => !isRequired) && !hasSecretPk;
  const params = [
    "@param name logical name of the resource",
    `@param args inputs of the ${noun}`,
    `@param opts resource options${hasGet ? `; \`import: "<pk>"\` imports an existing ${noun} that matches the inputs` : ""}`,
  ].join("\n");
  const overloads = hasGet
    ? `/** @internal */
  constructor(name: string, state: ${state}, opts: pulumi.CustomResourceOptions);
${comment([params])}
  constructor(name: string, args${isOptional ? "?" : ""}: ${name}Args, opts?: pulumi.CustomResourceOptions);
  // JavaScript programs can omit the arguments, which \`check\` then reports.
  constructor(name: string, args: Partial<${name}Args> = {}, opts?: pulumi.CustomResourceOptions) {`
    : `${comment([params])}
  constructor(name: string, args: ${name}Args, opts?: pulumi.CustomResourceOptions) {`;
  const defaults = Object.entries(properties).flatMap(([property, { defaultsTo, type }]) => {
    if (type.endsWith(" | pulumi.CustomResource"))
      return [`...(args.${property} === undefined ? {} : { ${property}: idOf(args.${property}) })`];
    return defaultsTo === undefined
      ? []
      : [`${property}: ${defaultOf(property, properties, hasGet ? "args" : "args?")}`];
  });
  const inputs = `{ ...args, ${[...defaults, ...(hiddenInputs ? [`...${hiddenInputs}(args)`] : [])].join(", ")} }`;
  const options = hiddenDiffs
    ? `// Pulumi would display thousands of unchanged values around one that changed.
      { ...opts, hideDiffs: [...(opts?.hideDiffs ?? []), ${hiddenDiffs.map((name) => JSON.stringify(name)).join(", ")}] }`
    : "opts";
  return `${overloads}
    ${hasGet ? "const isRead = opts?.id !== undefined;" : ""}
    super(
      "${name}",
      name,
      ${hasGet ? `isRead ? args : ${inputs}` : inputs},
      [${names.map((name) => JSON.stringify(name)).join(", ")}],
      [${secrets.map((name) => JSON.stringify(name)).join(", ")}],
      ${options},
    );
    ${complete ? `${complete}(this, args${hasGet ? ", isRead" : ""});` : ""}
  }`;
}

function defaultOf(name: string, properties: Declaration["properties"], args: string): string {
  const source = properties[name]?.defaultsTo;
  const value = source === undefined || source === "logical name" ? "name" : defaultOf(source.input, properties, args);
  return `orDefault(${value}, ${args}.${name})`;
}

function article(name: string): string {
  return /^[AEIO]/.test(name) ? "an" : "a";
}

const width = 120;

/** A doc comment. Paragraphs are wrapped, programs are not. */
function comment(paragraphs: readonly string[]): string {
  const lines = paragraphs.flatMap((paragraph, index) => [
    ...(index === 0 ? [] : [""]),
    ...paragraph
      .split(/(```[\s\S]*?```)/)
      .flatMap((part) =>
        part.startsWith("```")
          ? part.split("\n")
          : part
              .split(/\n\n|\n(?=@)/)
              .flatMap((text, at) => [...(at > 0 && !text.startsWith("@") ? [""] : []), ...wrap(text)]),
      ),
  ]);
  const [first = "", ...others] = lines;
  return others.length === 0
    ? `/** ${first} */`
    : `/**\n${lines.map((line) => (line === "" ? " *" : ` * ${line}`)).join("\n")}\n */`;
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  // A link stays on its line: the compiler takes the `*` of the next one for a part of its name.
  for (const word of text.match(/(?:\{@link [^}]*\}|\S)+/g) ?? []) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
