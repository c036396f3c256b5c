import * as pulumi from "@pulumi/pulumi";
import { defaultConnection, isReadableOnTheWay, readAddress } from "../address";

/** What the provider process exports, under names that old states hold. */
export type ResourceName = "Flow" | "FlowStageBinding" | "Invitation" | "InvitationStage";

/**
 * The text by which Pulumi's provider process finds the resource's life. It stands twice a resource in every state, and old states
 * must keep working: it is a constant, and never changed. The package is looked for from the program's directory, so that what
 * runs is what is installed there; `createRequire` finds it also where the program is part of the package itself (Node's
 * self-reference), as at the root of this repository.
 */
export function providerText(resource: ResourceName): string {
  return `exports.handler=()=>require('module').createRequire(process.cwd()+'/')('pulumi-authentik-invitations/provider').${resource}`;
}

/**
 * What all resources of this package have in common. It is no `dynamic.Resource`: that class serialises a closure of some 2 kB into
 * each resource, where a constant text does.
 */
export abstract class AuthentikResource extends pulumi.CustomResource {
  constructor(
    resource: ResourceName,
    name: string,
    args: object,
    outputs: Readonly<Record<string, undefined>>,
    secretOutputs: readonly string[],
    opts: pulumi.CustomResourceOptions = {},
  ) {
    // The engine cannot import dynamic resources: the option goes to `create` as an input instead, and is secret, for an invitation's pk is.
    const { import: adopted, ...others } = opts;
    const options = {
      ...others,
      additionalSecretOutputs: [...(others.additionalSecretOutputs ?? []), ...secretOutputs],
    };
    super(
      `pulumi-nodejs:dynamic/authentik:${resource}`,
      name,
      {
        ...outputs,
        ...args,
        import: adopted === undefined ? undefined : pulumi.secret(adopted),
        __provider: providerText(resource),
      },
      options,
    );
    warnOfConnection((args as { connection?: pulumi.Input<string> }).connection);
  }
}

/** A text that the program gives, or another where it gives none. */
export function textOr(otherwise: pulumi.Input<string>, text: pulumi.Input<string> | undefined): pulumi.Input<string> {
  if (text === undefined || typeof text === "string") return text ?? otherwise;
  return pulumi.all([otherwise, text]).apply(([other, given]: [string, string | undefined]) => given ?? other);
}

/** The address that the configuration gives a connection, undefined where there is none or it is none. */
export function addressOf(connection: string = defaultConnection): string | undefined {
  const configured =
    pulumi.runtime.getConfig(`${connection}:url`) ??
    (connection === defaultConnection ? process.env.AUTHENTIK_URL : undefined);
  const address = configured === undefined ? undefined : readAddress(configured);
  return address && "url" in address ? address.url : undefined;
}

/** What an invitee opens, for as far as it is known. */
export function linkOf(address: string | undefined, flowSlug: string | undefined, pk: string): string | undefined {
  return flowSlug === undefined || address === undefined ? undefined : `${address}/if/flow/${flowSlug}/?itoken=${pk}`;
}

const warned = new Set<string>();

/** Warns, once for each connection, of settings that let others read the token or the links. */
function warnOfConnection(connection: pulumi.Input<string> | undefined): void {
  // Nearly always a plain text, for which an output would cost each resource of each program its time.
  if (connection === undefined || typeof connection === "string") warnOfSettings(connection);
  else pulumi.output(connection).apply(warnOfSettings);
}

function warnOfSettings(name: string = defaultConnection): void {
  if (warned.has(name)) return;
  warned.add(name);
  const url = addressOf(name);
  if (url !== undefined && isReadableOnTheWay(url)) {
    pulumi.log.warn(
      `${name}:url is plain http to another machine (${new URL(url).host}): the token and the invitations can be read on the way. Use https.`,
    );
  }
  const token = `${name}:token`;
  if (pulumi.runtime.getConfig(token) !== undefined && !isSecret(token)) {
    pulumi.log.warn(
      `${token} is set in clear, and so stands in the stack's settings and state: set it with \`pulumi config set --secret ${token} …\`.`,
    );
  }
}

/** Whether a setting was set with `--secret`. Where Pulumi does not tell (inline programs of the automation API), it is taken for one. */
function isSecret(key: string): boolean {
  const secretKeys = process.env.PULUMI_CONFIG_SECRET_KEYS;
  return secretKeys === undefined || (JSON.parse(secretKeys) as string[]).includes(key);
}
