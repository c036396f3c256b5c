/** Declares the same with another provider: one that does nothing, to measure what Pulumi itself costs, or the plugin, as an SDK generated for it does. */
import * as pulumi from "@pulumi/pulumi";
import { buildSingle, type Values } from "./inputs";

/** The outputs of an invitation. Pulumi spends time on each of them. */
const outputs = {
  validFor: undefined,
  onRetired: undefined,
  keepers: undefined,
  pk: undefined,
  status: undefined,
  retiredAt: undefined,
  gone: undefined,
  issuedAt: undefined,
  flowPk: undefined,
  flowSlug: undefined,
  createdBy: undefined,
};

const config = new pulumi.Config();
const type = config.require("type");
const values = config.requireObject<Values>("values");
const isEmpty = type.startsWith("pulumi-nodejs:");
// As long as that of an invitation, because the state contains it twice per resource.
const source = "exports.handler=()=>require(process.cwd()+'/empty-provider')".padEnd(122);

class Custom extends pulumi.CustomResource {
  constructor(name: string, inputs: object) {
    const provider = isEmpty ? { connection: undefined, import: undefined, __provider: source } : { link: undefined };
    super(type, name, { ...outputs, ...provider, ...inputs }, { additionalSecretOutputs: ["pk"] });
  }
}

for (let index = 0; index < values.count; index++) new Custom(`bench-${index}`, buildSingle(index, values));
