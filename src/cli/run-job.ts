import pino from 'pino';
import { createApplication } from '../app.ts';
import { type Config, readConfig } from '../config.ts';
import { controlSocket, type JobLine, type JobRequest } from '../control.ts';
import { type Job, type JobArgs, type JobName, type JobResult, jobs } from './jobs.ts';
import type { OnProgress } from './progress.ts';

/** Runs a job here, or in the server that holds the data directory. */
export async function runJob<Name extends JobName>(
  name: Name,
  args: JobArgs<Name>,
  onProgress: OnProgress = () => {},
): Promise<JobResult<Name>> {
  const config = readConfig(process.env);
  let application: Awaited<ReturnType<typeof createApplication>>;
  try {
    application = await createApplication(config, pino({ level: 'silent' }));
  } catch (error) {
    if ((error as Error).name !== 'DataDirectoryInUse') throw error;
    return (await askServer(config, { name, args }, onProgress)) as JobResult<Name>;
  }
  try {
    const job = jobs[name] as unknown as Job;
    return (await job(application.edge, args as never, onProgress)) as JobResult<Name>;
  } finally {
    await application.stop();
  }
}

async function askServer({ dataDirectory }: Config, request: JobRequest, onProgress: OnProgress) {
  const response = await fetch('http://localhost/', {
    method: 'POST',
    unix: controlSocket(dataDirectory),
    body: JSON.stringify(request),
  });
  for await (const line of lines(response)) {
    if ('progress' in line) onProgress(...line.progress);
    else if ('done' in line) return line.done;
    else throw Object.assign(new Error(line.failed.message), line.failed);
  }
  throw new Error('The server ended before the job did.');
}

async function* lines(response: Response): AsyncGenerator<JobLine> {
  let rest = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) yield JSON.parse(part) as JobLine;
  }
}
