/** A queue of byte chunks between one producer and one consumer. */
export interface ByteQueue extends AsyncIterable<Buffer> {
  /** Back pressure: a promise to wait for when the queue is over its limit, else undefined. */
  push(chunk: Buffer): Promise<void> | undefined;
  /** No more will come. */
  end(): void;
  /** Ends the consumer with an error, and lets a waiting producer go on. */
  destroy(error: Error): void;
}

/** @param limit bytes that may wait before `push` blocks */
export function createByteQueue(limit = 256 * 1024): ByteQueue {
  const chunks: Buffer[] = [];
  let size = 0;
  let ended = false;
  let failure: Error | undefined;
  let wakeConsumer: (() => void) | undefined;
  let wakeProducer: (() => void) | undefined;
  const wake = (): void => {
    wakeConsumer?.();
    wakeConsumer = undefined;
  };
  const release = (): void => {
    wakeProducer?.();
    wakeProducer = undefined;
  };
  return {
    push(chunk) {
      if (ended || failure) return undefined;
      chunks.push(chunk);
      size += chunk.length;
      wake();
      return size > limit ? new Promise<void>((resolve) => (wakeProducer = resolve)) : undefined;
    },
    end() {
      ended = true;
      wake();
    },
    destroy(error) {
      failure = error;
      chunks.length = 0;
      wake();
      release();
    },
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          if (failure) throw failure;
          const chunk = chunks.shift();
          if (chunk) {
            size -= chunk.length;
            if (size <= limit) release();
            yield chunk;
          } else if (ended) return;
          else await new Promise<void>((resolve) => (wakeConsumer = resolve));
        }
      } finally {
        ended = true;
        chunks.length = 0;
        release();
      }
    },
  };
}
