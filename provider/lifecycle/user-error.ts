import { AuthenticationError, AuthentikError, ConnectionError, NotAuthentikError } from "../authentik/errors";
import { capitalize, toPrintableLine } from "../common/printable";

/**
 * An error that the user can fix: a setting, a name that is taken, a deleted object. It has no stack, because the SDK prints the stack of
 * errors from check, diff, read and delete, and this package's stack does not help the user.
 */
export class UserError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(toPrintableLine(message), options);
    this.name = "Error";
    this.stack = "";
  }
}

/** The error for an object that was deleted since the last refresh. */
export function goneError(object: string, cause: unknown): UserError {
  const message = `${capitalize(object)} no longer exists in authentik. Run \`pulumi up --refresh\`.`;
  return new UserError(message, { cause });
}

export class SettingsError extends UserError {}

/**
 * The error that an update would fail with, for the preview. Without settings, or if authentik does not respond, the preview does without: `[]`.
 */
export async function errorsAtPreview(operation: () => Promise<unknown>): Promise<string[]> {
  try {
    await operation();
    return [];
  } catch (error) {
    if (error instanceof AuthentikError || error instanceof SettingsError) return [];
    if (error instanceof UserError) return [error.message];
    throw error;
  }
}

/**
 * An error after which the state is kept: the operation succeeded in part, and the next run goes on. The SDK recognizes it by its fields. It
 * adds the input `__provider`, without which nothing can be read or deleted, to the outputs of a success only.
 */
export class PartialError extends UserError {
  readonly properties: object;

  constructor(
    readonly id: string,
    inputs: { readonly __provider?: unknown },
    outputs: object,
    readonly reasons: readonly string[],
  ) {
    // The SDK prints only the reasons.
    super(reasons.join("\n"));
    this.properties = { ...outputs, __provider: inputs.__provider };
  }
}

/** The message of an error for the engine, which prints it with the resource. `message` defaults to the error's. */
export function reportedMessage(
  error: unknown,
  message = error instanceof Error ? error.message : String(error),
): string {
  return error instanceof AuthenticationError ? error.report(message) : message;
}

/**
 * Runs a provider operation. Errors from authentik become {@link UserError}s; bugs of this package keep their stack. `describe` returns the message of
 * an error.
 */
export async function withUserErrors<T>(
  operation: () => Promise<T>,
  describe: (error: AuthentikError) => string = reportedMessage,
): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw error instanceof AuthentikError ? new UserError(describe(error), { cause: error }) : error;
  }
}

/** Runs a lookup. Each error has its whole message, because a program may catch the one that a shorter message would refer to. */
export async function withLookupErrors<T>(load: () => Promise<T>): Promise<T> {
  return await withUserErrors(load, ({ message }) => message);
}

/**
 * Like {@link withUserErrors}, for operations that also run when the program does not: `pulumi refresh` and `pulumi destroy` use the
 * settings that the last `pulumi up` stored in the state, which may be outdated.
 */
export async function withUserErrorsAndSettingsHint<T>(operation: () => Promise<T>): Promise<T> {
  return await withUserErrors(async () => {
    try {
      return await operation();
    } catch (error) {
      const mayDependOnSettings =
        error instanceof AuthenticationError || error instanceof ConnectionError || error instanceof NotAuthentikError;
      if (!mayDependOnSettings) throw error;
      const hint =
        "If you just changed the settings: refresh and destroy use those of the last `pulumi up`. Add --run-program to use the current ones.";
      throw new UserError(reportedMessage(error, error.explain(`${error.hint} ${hint}`)), { cause: error });
    }
  });
}
