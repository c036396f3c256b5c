import { setTimeout as sleep } from "node:timers/promises";
import { findDescendants, killAll } from "../../scripts/demo/processes";
import type { Project, Run } from "../engine/project";
import { invitationsPath } from "../engine/server";
import type { FailureProxy, Handler } from "./proxy";

/** The moment at which a run is interrupted: when a request arrives. */
interface Moment {
  readonly method: "POST" | "GET" | "PUT" | "DELETE";
  /** Of the requests with this path. Defaults to all of invitations. */
  readonly path?: RegExp;
  /** Counted from 1. */
  readonly number: number;
}

interface KillMoment extends Moment {
  /** Whether the server carries the request out before the processes are killed. */
  readonly isCarriedOut?: boolean;
}

/** Interrupts the runs of a project whose requests pass a proxy. */
export class Interruptions {
  constructor(
    readonly project: Project,
    readonly proxy: FailureProxy,
  ) {}

  async succeed(...args: readonly string[]): Promise<string> {
    const { code, output } = await this.project.pulumi(...args);
    expect([code, output]).toEqual([0, output]);
    return output;
  }

  async audit(...args: readonly string[]): Promise<Run> {
    return await this.project.runCommand("audit", ...args);
  }

  /** What a user does after a killed run. Returns what `recover` printed. */
  async recover(...args: readonly string[]): Promise<string> {
    await this.succeed("cancel", "--yes");
    const { code, output } = await this.project.runCommand("recover", "--yes", ...args);
    expect([code, output]).toEqual([0, output]);
    expect(await this.pendingOperations()).toEqual([]);
    return output;
  }

  async pendingOperations(): Promise<unknown[]> {
    const state = JSON.parse(await this.project.stateText()) as {
      checkpoint: { latest: { pending_operations?: unknown[] } };
    };
    return state.checkpoint.latest.pending_operations ?? [];
  }

  /**
   * Kills `pulumi` and all of its processes, between two writes of the state: otherwise the file backend can leave an empty `.attrs` file, with which
   * `pulumi` fails. Requests that arrive after the moment get no response, nor do the earlier ones that `isHeld` says.
   */
  async killDuring(args: readonly string[], moment: KillMoment, isHeld = (_path: string) => false): Promise<void> {
    let isKilled = false;
    const kill =
      (pid: number): Handler =>
      async (exchange) => {
        this.proxy.script({ matches: () => !isKilled, handle: () => undefined });
        if (moment.isCarriedOut) await exchange.forward();
        await this.#waitForSavedState();
        // Plugins have process groups of their own.
        killAll([pid, ...findDescendants(pid)]);
      };
    await this.#runUntil(moment, args, kill, isHeld);
    isKilled = true;
  }

  /**
   * Sends a signal to the process group, as Ctrl+C in a terminal does, or only to `pulumi`, as pipelines do. The exit code is not checked: after an
   * interrupted destroy it is 0.
   */
  async signalDuring(args: readonly string[], moment: Moment, signal: "SIGINT" | "SIGTERM"): Promise<void> {
    const send =
      (pid: number): Handler =>
      async (exchange) => {
        process.kill(signal === "SIGINT" ? -pid : pid, signal);
        exchange.send(await exchange.forward());
      };
    await this.#runUntil(moment, args, send, () => false);
  }

  /** Runs `pulumi`, and calls `interrupt` at the moment. */
  async #runUntil(
    { method, number, path = new RegExp(`^${invitationsPath}`) }: Moment,
    args: readonly string[],
    interrupt: (pid: number) => Handler,
    isHeld: (path: string) => boolean,
  ): Promise<void> {
    const { child, run } = this.project.start(...args);
    let left = number;
    const handle = interrupt(child.pid ?? 0);
    this.proxy.script({
      matches: (requestMethod, requestPath) => requestMethod === method && path.test(requestPath),
      times: number,
      handle: async (exchange, at) => {
        left -= 1;
        if (left === 0) return await handle(exchange, at);
        const response = await exchange.forward();
        if (!isHeld(exchange.path)) exchange.send(response);
      },
    });
    const { output } = await run;
    expect([left, output]).toEqual([0, output]);
  }

  /** Waits until `pulumi` has not written the state for a while. */
  async #waitForSavedState(): Promise<void> {
    for (let last: string | undefined; ; ) {
      const state = await this.project.stateText();
      if (state !== "" && state === last) return;
      last = state;
      await sleep(300);
    }
  }
}
