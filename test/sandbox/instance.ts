import { randomUUID } from "node:crypto";
import { Bindings } from "./bindings";
import { Events } from "./events";
import { Executor } from "./executor";
import { Flows } from "./flows";
import { type Instant, toInstant } from "./instants";
import { Invitations } from "./invitations";
import { AllStages, Stages } from "./stages";
import { Users } from "./users";
import type { VersionBehavior } from "./versions";

/** One authentik with all that is in it. */
export class Instance {
  /** The system setting `default_token_duration` in minutes: how long an invitation lives that says no expiry (`settings`). */
  defaultTokenMinutes = 30;
  private lastTime = 0;
  /** How many moments were told while the clock stood at `lastTime`: each is a microsecond later than the one before. */
  private timestampsAtLastTime = 0;
  readonly users: Users;
  readonly flows: Flows;
  readonly stages: Stages;
  readonly allStages: AllStages;
  readonly bindings: Bindings;
  readonly invitations: Invitations;
  readonly events: Events;
  readonly executor: Executor;

  constructor(
    readonly behavior: VersionBehavior,
    readonly clock: () => Date,
  ) {
    this.events = new Events(this);
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

  /** Now, or so many minutes from now. No two are the same while the clock runs on, so that what is made later is later. */
  timestamp(minutes = 0): Instant {
    const time = this.clock().getTime();
    this.timestampsAtLastTime = time === this.lastTime ? this.timestampsAtLastTime + 1 : 1;
    this.lastTime = time;
    return toInstant(
      new Date(time + minutes * 60_000 + Math.floor(this.timestampsAtLastTime / 1000)),
      this.timestampsAtLastTime % 1000,
    );
  }
}
