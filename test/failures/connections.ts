import { createHash, randomBytes } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { InvokeRequest, type InvokeResponse } from "@pulumi/pulumi/proto/provider_pb";
import type * as program from "pulumi-authentik-invitations";
import { Flow, FlowStageBinding, Invitation, InvitationStage } from "pulumi-authentik-invitations/provider";
import type { Recoverable, Recovery } from "../../provider/lifecycle/creation";
import type * as internals from "../bundle-internals";
import { type Door, Plugin, PluginProvider } from "../unit/support/doors";
import { fromStruct } from "../unit/support/plugin";
import { unwrapSecrets } from "../unit/support/secrets";
import type { Kind } from "./failures";
import { Modules } from "./modules";

export type Properties = Record<string, unknown>;

/** The operations on a resource over one connection. Neither inputs nor states have the name of the connection, which only one of the doors has. */
export interface Provider {
  /** The inputs as the engine passes them to the other operations. */
  check(inputs: Properties): Promise<Properties>;
  create(inputs: Properties): Promise<{ readonly id: string; readonly state: Properties }>;
  /** `undefined` if the object does not exist. */
  read(id: string, state: Properties): Promise<Properties | undefined>;
  update(id: string, state: Properties, inputs: Properties): Promise<void>;
  delete(id: string, state: Properties): Promise<void>;
  /** What the command `recover` does with a create operation that is pending in the state. */
  recover(inputs: Properties): Promise<Recovery>;
}

type Operations = typeof Flow & Recoverable;

/** The provider with one URL and one token. */
export interface Connection {
  provider(kind: Kind, name: string): Provider;
  listInvitations(): Promise<readonly Properties[]>;
  /** Matches the name of a setting in messages. `$1` is its own name. */
  readonly settingName: RegExp;
  close(): void;
}

const classes = {
  invitation: "Invitation",
  flow: "Flow",
  stage: "InvitationStage",
  binding: "FlowStageBinding",
} as const;
const dynamicProviders = { Invitation, Flow, InvitationStage, FlowStageBinding };

const recoveryOptions = { isInState: () => false };

const opened = { dynamic: connectToDynamicProvider, plugin: connectToPlugin };

export function connectTo(door: Door, url: string, token: string): Promise<Connection> {
  return opened[door](url, token);
}

/** The settings of the dynamic provider's connections. */
const settings = new Map<string, string>();
let connectionCount = 0;
let provider: Promise<void> | undefined;
/** A program looks invitations up in its own process. */
const programModules = new Modules();

async function connectToDynamicProvider(url: string, token: string): Promise<Connection> {
  provider ??= Invitation.configure({ config: { get: (key) => settings.get(key) } });
  await provider;
  connectionCount += 1;
  const connection = `connection${connectionCount}`;
  settings.set(`${connection}:url`, url);
  settings.set(`${connection}:token`, token);
  const connected = (properties: Properties): Properties => ({ ...properties, connection });
  const disconnected = ({ connection: _, ...properties }: Properties): Properties => properties;
  return {
    settingName: new RegExp(`\\b${connection}:(\\w+)`, "g"),
    provider(kind, name) {
      const operations = dynamicProviders[classes[kind]] as Operations;
      return {
        async check(inputs) {
          const tag = createHash("sha256").update(name).digest("hex").slice(0, 10);
          const origin = `dev/${tag}/${randomBytes(6).toString("hex")}`;
          return disconnected(toInputs(await operations.check({}, { __origin: origin, ...connected(inputs) })));
        },
        async create(inputs) {
          const { id, outs } = await operations.create(connected(inputs));
          return { id, state: disconnected(outs as Properties) };
        },
        async read(id, state) {
          const { props } = await operations.read(id, connected(state));
          return props && disconnected(props as Properties);
        },
        async update(id, state, inputs) {
          await operations.update(id, connected(state), connected(inputs));
        },
        delete: (id, state) => operations.delete(id, connected(state)),
        recover: (inputs) => operations.recover(connected(inputs), recoveryOptions),
      };
    },
    async listInvitations() {
      pulumi.runtime.setConfig(`${connection}:url`, url);
      pulumi.runtime.setConfig(`${connection}:token`, token);
      const { getInvitations } = programModules.load<typeof program>("index.js");
      return (await getInvitations({ connection })) as unknown as readonly Properties[];
    },
    close: () => undefined,
  };
}

/** Those that no connection uses. A plugin has one connection for each process. */
const idleModules: Modules[] = [];

async function connectToPlugin(url: string, token: string): Promise<Connection> {
  const modules = idleModules.pop() ?? new Modules();
  const plugin = new Plugin(modules.load<typeof internals>("bundle-internals.js").ProviderService);
  await plugin.configure({ url, token });
  return {
    settingName: /\bauthentik-invitations:(\w+)/g,
    provider(kind, name) {
      const operations = new PluginProvider(classes[kind], { name, plugin });
      return {
        check: async (inputs) => toInputs(await operations.check({}, inputs)),
        async create(inputs) {
          const { id, outs } = await operations.create(inputs);
          return { id, state: outs as Properties };
        },
        read: async (id, state) => (await operations.read(id, state)).props as Properties | undefined,
        async update(id, state, inputs) {
          await operations.update(id, state, inputs);
        },
        delete: (id, state) => operations.delete(id, state),
        async recover(inputs) {
          const command = modules.load<typeof dynamicProviders>("objects/index.js")[classes[kind]] as Operations;
          return await command.recover(inputs, recoveryOptions);
        },
      };
    },
    async listInvitations() {
      const request = new InvokeRequest().setTok("authentik-invitations:index:getInvitations");
      const response = await plugin.call<InvokeResponse>("invoke", request);
      return (unwrapSecrets(fromStruct(response.getReturn())) as { invitations: Properties[] }).invitations;
    },
    close: () => void idleModules.push(modules),
  };
}

function toInputs({ inputs, failures = [] }: Awaited<ReturnType<typeof Flow.check>>): Properties {
  if (failures.length > 0) throw new Error(`check fails: ${JSON.stringify(failures)}`);
  return inputs as Properties;
}
