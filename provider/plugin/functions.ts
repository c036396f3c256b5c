import { connect } from "../lifecycle/engine/connections";
import { UserError } from "../lifecycle/engine/user-error";
import { argumentError, lookUpFlow, lookUpInvitationStage, lookUpStage } from "../lifecycle/lookups";
import { type Properties, withoutUndefined } from "../lifecycle/values/properties";
import { packageName } from "./schema";

type Arguments = Readonly<Record<string, string>>;
type Connected = ReturnType<typeof connect>;

interface PluginFunction {
  readonly arguments: readonly string[];
  run(connection: Connected, args: Arguments): Promise<object>;
}

/** The functions of the schema. They send a request at previews as well. */
const functions = new Map<string, PluginFunction>([
  ["getFlow", { arguments: ["slug", "pk"], run: lookUpFlow }],
  ["getInvitationStage", { arguments: ["name", "pk"], run: lookUpInvitationStage }],
  ["getStage", { arguments: ["name"], run: (connection, { name = "" }) => lookUpStage(connection, { name }) }],
]);

/** Calls a function by its token, `authentik-invitations:index:getFlow`. Equal calls share a request. */
export async function invokeFunction(token: string, properties: Properties): Promise<Properties> {
  const name = token.slice(`${packageName}:index:`.length);
  const called = functions.get(name);
  if (called === undefined || !token.startsWith(`${packageName}:index:`))
    throw new UserError(`Unknown function ${token}.`);
  const args = withoutUndefined(properties);
  const error = argumentError(name, args, called.arguments, called.arguments);
  if (error !== undefined) throw new UserError(error);
  const connection = connect();
  const result = await connection.cached(`${name} ${JSON.stringify(args)}`, () =>
    called.run(connection, args as Arguments),
  );
  return withoutUndefined({ ...result });
}
