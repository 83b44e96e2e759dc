/** For each thing that a graceful stop waits for: containers are killed ten seconds after they are told to. */
export const stopMsMax = 5_000;

/** Waits for what may never end; the timer goes as well, since it would keep the process alive. */
export async function atMost(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: Timer | undefined;
  const isTimeUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, isTimeUp]);
  clearTimeout(timer);
}
