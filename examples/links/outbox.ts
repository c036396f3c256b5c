import * as pulumi from "@pulumi/pulumi";

export interface LetterArgs {
  to: pulumi.Input<string>;
  text: pulumi.Input<string>;
}

/** Sends nothing: it only keeps the letter in the state. `text` is encrypted there, because it was passed as a secret. */
const provider: pulumi.dynamic.ResourceProvider = {
  async create(letter: { to: string; text: string }) {
    return { id: letter.to, outs: letter };
  },
  async update(_id: string, _olds: { to: string; text: string }, letter: { to: string; text: string }) {
    return { outs: letter };
  },
};

/** A letter. Stands for any other provider's resource that accepts a secret. */
export class Letter extends pulumi.dynamic.Resource {
  declare public readonly to: pulumi.Output<string>;
  declare public readonly text: pulumi.Output<string>;

  constructor(name: string, args: LetterArgs, opts?: pulumi.CustomResourceOptions) {
    super(provider, name, { ...args }, opts);
  }
}
