// Runs programs one after the other in a worker, each under a deadline. Only the newest waits: what
// was typed in between is of no interest any more.

/** The server's default of `guest-time`. */
export const DEADLINE_MS = 1000;

export class Runner {
  #module;
  #worker = null;
  #isReady = false;
  #current = null;
  #waiting = null;
  #timer = 0;
  #id = 0;
  #output;
  #answered;

  /** `answered` is given the job and what became of it. */
  constructor(module, output, answered) {
    this.#module = module;
    this.#output = output;
    this.#answered = answered;
    this.#start();
  }

  /** Runs this job next, in place of one that waits. */
  run(job) {
    this.#output = job.output;
    this.#waiting = { ...job, id: ++this.#id };
    this.#next();
  }

  /** Ends the instance; the next job has a new one. */
  replace() {
    this.#restart();
  }

  #start() {
    this.#worker = new Worker("worker.js", { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#hear(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end({ type: "failed", message: event.message || "the worker did not start" });
    };
    this.#worker.postMessage({ type: "load", module: this.#module, output: this.#output });
  }

  #restart() {
    clearTimeout(this.#timer);
    this.#worker.terminate();
    this.#isReady = false;
    this.#current = null;
    this.#start();
  }

  #next() {
    if (!this.#isReady || this.#current || !this.#waiting) return;
    this.#current = this.#waiting;
    this.#waiting = null;
    this.#worker.postMessage({ type: "run", ...this.#current });
  }

  #hear(message) {
    if (message.type === "ready") {
      this.#isReady = true;
      this.#next();
    } else if (message.type === "failed") {
      this.#end(message);
    } else if (message.id !== this.#current?.id) {
      // About a job that has ended already.
    } else if (message.type === "running") {
      // From here on it is the component that runs, and no longer us who get ready.
      this.#timer = setTimeout(() => this.#stop(), DEADLINE_MS);
    } else {
      this.#end(message);
    }
  }

  #stop() {
    const job = this.#current;
    this.#restart();
    this.#answered(job, { type: "deadline" });
  }

  #end(message) {
    clearTimeout(this.#timer);
    const job = this.#current ?? this.#waiting;
    this.#current = null;
    this.#answered(job, message);
    this.#next();
  }
}
