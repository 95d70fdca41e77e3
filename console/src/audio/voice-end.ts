/** Detection of the end of the caller's voice, by the level of the microphone. */

/** A silence of this many frames is reported: 160 ms, which no service takes for the end of a turn. */
export const QUIET_FRAMES = 8;
const FRAME_MS = 20;
/** A click lasts one or two frames. */
const MIN_VOICE_FRAMES = 3;
/** A voice fades out within so many frames, before its silence. */
const MAX_FADE_FRAMES = 5;
/** Level of silence, relative to the preceding voice: -26 dB. */
const QUIET_RATIO = 0.05;
/** Decay of the voice's level for each frame: a half in one second. */
const LEVEL_DECAY = 0.986;
/** A voice is so much louder than the noise of the room; below half of that it is silent. */
const VOICE_TO_NOISE = 6;
const MIN_VOICE_PEAK = 0.01;
/** Rise of the noise's level for each frame: a half in two seconds. */
const NOISE_RISE = 1.004;

export class VoiceEnd {
  private level = 0;
  private noise = 0.003;
  private voiceFrames = 0;
  private framesSinceVoice = 0;
  private quietFrames = 0;

  /** Add the peak of 20 ms of audio. Return the time since the voice ended, once for each end; else null. */
  add(peak: number): number | null {
    this.noise = Math.max(0.0005, Math.min(this.noise * NOISE_RISE, Math.max(peak, this.noise * 0.8)));
    this.level = Math.max(this.level * LEVEL_DECAY, peak);
    const isVoice = peak > Math.max(MIN_VOICE_PEAK, this.noise * VOICE_TO_NOISE, this.level * QUIET_RATIO);
    const isQuiet = peak <= Math.max(this.level * QUIET_RATIO, (this.noise * VOICE_TO_NOISE) / 2);
    if (isVoice) this.voiceFrames += 1;
    this.framesSinceVoice = isVoice ? 0 : this.framesSinceVoice + 1;
    this.quietFrames = isQuiet ? this.quietFrames + 1 : 0;
    if (this.quietFrames !== QUIET_FRAMES) return null;
    const hadVoice = this.voiceFrames >= MIN_VOICE_FRAMES && this.framesSinceVoice <= QUIET_FRAMES + MAX_FADE_FRAMES;
    this.voiceFrames = 0;
    return hadVoice ? QUIET_FRAMES * FRAME_MS : null;
  }
}
