import { randomUUID } from "node:crypto";
import { Bindings } from "./bindings";
import { Events } from "./events";
import { Executor } from "./executor";
import { Flows } from "./flows";
import { type Instant, toInstant } from "./instants";
import { Invitations } from "./invitations";
import { Outbox } from "./outbox";
import { AllStages, Stages } from "./stages";
import { Users } from "./users";
import type { VersionBehavior } from "./versions";

/** The state of one embedded authentik: its objects, event log and clock. */
export class Instance {
  /** The system setting `default_token_duration` in minutes: how long an invitation without `expires` lives (invitations.create.expires.omitted-with-other-default). */
  defaultTokenMinutes = 30;
  private lastTime = 0;
  /** The number of timestamps issued at `lastTime`. Each is a microsecond later than the one before. */
  private timestampsAtLastTime = 0;
  readonly users: Users;
  readonly flows: Flows;
  readonly stages: Stages;
  readonly allStages: AllStages;
  readonly bindings: Bindings;
  readonly invitations: Invitations;
  readonly events: Events;
  readonly executor: Executor;
  readonly outbox: Outbox;

  constructor(
    readonly behavior: VersionBehavior,
    readonly clock: () => Date,
  ) {
    this.events = new Events(this);
    this.outbox = new Outbox(this.events);
    this.users = new Users(this);
    this.flows = new Flows(this);
    this.stages = new Stages(this);
    this.allStages = new AllStages(this);
    this.bindings = new Bindings(this);
    this.invitations = new Invitations(this);
    this.executor = new Executor(this);
    this.stages.addDefaults();
  }

  uuid(): string {
    return randomUUID();
  }

  /** Returns the current time plus `minutesFromNow`. Timestamps differ even while the clock stands still, to reflect the order of creation. */
  timestamp(minutesFromNow = 0): Instant {
    const time = this.clock().getTime();
    this.timestampsAtLastTime = time === this.lastTime ? this.timestampsAtLastTime + 1 : 1;
    this.lastTime = time;
    return toInstant(
      new Date(time + minutesFromNow * 60_000 + Math.floor(this.timestampsAtLastTime / 1000)),
      this.timestampsAtLastTime % 1000,
    );
  }
}
