import * as pulumi from "@pulumi/pulumi";

export interface MessageArgs {
  to: pulumi.Input<string>;
  body: pulumi.Input<string>;
}

/** Sends nothing: it only stores the message in the state. `body` is encrypted there, because it was passed as a secret. */
const provider: pulumi.dynamic.ResourceProvider = {
  async create(message: { to: string; body: string }) {
    return { id: message.to, outs: message };
  },
  async update(_id: string, _olds: { to: string; body: string }, message: { to: string; body: string }) {
    return { outs: message };
  },
};

/** A message. Stands for any other provider's resource that accepts a secret. */
export class Message extends pulumi.dynamic.Resource {
  declare public readonly to: pulumi.Output<string>;
  declare public readonly body: pulumi.Output<string>;

  constructor(name: string, args: MessageArgs, opts?: pulumi.CustomResourceOptions) {
    super(provider, name, { ...args }, opts);
  }
}
