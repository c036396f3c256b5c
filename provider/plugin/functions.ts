import { log } from "../common/log";
import { readCsvFile } from "../csv/decode";
import { CsvError, toLines } from "../csv/error";
import { parseInvitations } from "../csv/invitations";
import { validateArguments } from "../csv/options";
import { connect } from "../lifecycle/connections";
import { UserError } from "../lifecycle/user-error";
import { argumentError, hasLink, lookupKey, lookups, protectSecrets } from "../objects/lookups";
import { type Properties, withoutUndefined } from "../values/properties";
import { toSecret } from "../values/secrets";
import { pluginType } from "./schema";

/** Calls a function by its token, `authentik-invitations:index:getFlow`. Equal calls share a request. */
export async function invokeFunction(token: string, properties: Properties) {
  const prefix = pluginType("");
  const name = token.startsWith(prefix) ? token.slice(prefix.length) : "";
  const args = withoutUndefined(properties);
  if (name === "invitationsFromCsv") return { result: { invitations: readInvitations(args) }, hasLinks: false };
  const lookup = lookups.get(name);
  if (lookup === undefined) throw new UserError(`Unknown function ${token}.`);
  const error = argumentError(lookup, args);
  if (error !== undefined) throw new UserError(error);
  const connection = connect();
  const strings = args as Record<string, string>;
  const found = await connection.cached(lookupKey(lookup, strings), () => lookup.run(connection, strings));
  const items = (lookup.list === undefined ? [found] : found) as unknown as readonly object[];
  const protect = (item: object): Properties => protectSecrets(lookup, item, toSecret) as Properties;
  return {
    result: lookup.list === undefined ? withoutUndefined(protect(found)) : { [lookup.list]: items.map(protect) },
    hasLinks: items.some((item) => hasLink(lookup, item)),
  };
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
