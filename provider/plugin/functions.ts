import { log } from "../common/log";
import { CsvError, toLines } from "../csv/error";
import { parseInvitations } from "../csv/invitations";
import { validateArguments } from "../csv/options";
import { readCsvFile } from "../csv/read";
import { connect } from "../lifecycle/connections";
import { UserError } from "../lifecycle/user-error";
import {
  argumentError,
  type InvitationSummary,
  lookUpFlow,
  lookUpFlowStageBindings,
  lookUpInvitation,
  lookUpInvitationStage,
  lookUpInvitations,
  lookUpStage,
} from "../objects/lookups";
import { type Properties, withoutUndefined } from "../values/properties";
import { toSecret } from "../values/secrets";
import { packageName } from "./schema";

type Arguments = Readonly<Record<string, string>>;
type Connected = ReturnType<typeof connect>;

interface Lookup {
  readonly arguments: readonly string[];
  readonly exactlyOneOf?: readonly string[];
  run(connection: Connected, args: Arguments): Promise<object>;
}

/** The functions of the schema that send a request, at previews as well. */
const lookups = new Map<string, Lookup>([
  ["getFlow", { arguments: ["slug", "pk"], exactlyOneOf: ["slug", "pk"], run: lookUpFlow }],
  [
    "getFlowStageBindings",
    {
      arguments: ["flow"],
      exactlyOneOf: ["flow"],
      run: async (connection, { flow = "" }) => ({ bindings: await lookUpFlowStageBindings(connection, { flow }) }),
    },
  ],
  [
    "getInvitation",
    {
      arguments: ["pk", "name"],
      exactlyOneOf: ["pk", "name"],
      run: async (connection, args) => toResult(await lookUpInvitation(connection, args)),
    },
  ],
  [
    "getInvitations",
    {
      arguments: ["name", "flowSlug", "createdBy", "expires"],
      run: async (connection, args) => ({ invitations: (await lookUpInvitations(connection, args)).map(toResult) }),
    },
  ],
  ["getInvitationStage", { arguments: ["name", "pk"], exactlyOneOf: ["name", "pk"], run: lookUpInvitationStage }],
  [
    "getStage",
    {
      arguments: ["name"],
      exactlyOneOf: ["name"],
      run: (connection, { name = "" }) => lookUpStage(connection, { name }),
    },
  ],
]);

function toResult(invitation: InvitationSummary): object {
  return { ...invitation, pk: toSecret(invitation.pk), link: toSecret(invitation.link) };
}

/** Calls a function by its token, `authentik-invitations:index:getFlow`. Equal calls share a request. */
export async function invokeFunction(token: string, properties: Properties): Promise<Properties> {
  const prefix = `${packageName}:index:`;
  const name = token.startsWith(prefix) ? token.slice(prefix.length) : undefined;
  const args = withoutUndefined(properties);
  if (name === "invitationsFromCsv") return { invitations: readInvitations(args) };
  const lookup = lookups.get(name ?? "");
  if (name === undefined || lookup === undefined) throw new UserError(`Unknown function ${token}.`);
  const error = argumentError(name, args, lookup.arguments, lookup.exactlyOneOf);
  if (error !== undefined) throw new UserError(error);
  const connection = connect();
  const result = await connection.cached(`${name} ${JSON.stringify(args)}`, () =>
    lookup.run(connection, args as Arguments),
  );
  return withoutUndefined({ ...result });
}

function readInvitations(args: Properties): Properties {
  try {
    const { file, content, options } = validateArguments(args);
    const bytes = file === undefined ? Buffer.from(content ?? "") : readCsvFile(file);
    const { invitations, warnings } = parseInvitations(bytes, file ?? "content", options);
    if (warnings.length > 0) log.warn(toLines(warnings, "warnings"));
    return invitations;
  } catch (error) {
    // The engine prints the stack of an error that has one. The message has one line for each error.
    if (error instanceof CsvError) error.stack = "";
    throw error;
  }
}
