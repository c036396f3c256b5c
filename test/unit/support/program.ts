import "./environment";
import * as pulumi from "@pulumi/pulumi";

/** A resource that a program registered. */
export type RegisteredResource = Pick<pulumi.runtime.MockResourceArgs, "type" | "name" | "id" | "inputs">;

interface ProgramOptions {
  /** The outputs that the provider returns in addition to the inputs. */
  readonly outputs?: () => object;
  readonly lookup?: (call: pulumi.runtime.MockCallArgs) => object;
  readonly preview?: boolean;
}

/** Starts a program without an engine. Adds the resources that it registers to the returned list. */
export async function startProgram({
  outputs = () => ({}),
  lookup = () => ({}),
  preview = false,
}: ProgramOptions = {}): Promise<readonly RegisteredResource[]> {
  const registered: RegisteredResource[] = [];
  const newResource = ({ type, name, id, inputs }: pulumi.runtime.MockResourceArgs) => {
    registered.push({ type, name, id, inputs });
    return { id: id || `${name}-id`, state: { ...inputs, ...outputs() } };
  };
  await pulumi.runtime.setMocks({ newResource, call: lookup }, "project", "stack", preview);
  return registered;
}

export function resolveOutput<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => output.apply(resolve));
}
