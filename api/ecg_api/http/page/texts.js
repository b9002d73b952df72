// What the page says, in English and Korean.
const TEXTS = {
  en: {
    language: "Language", key: "API key", use: "Use", wrongKey: "This server asks for a key, and this one is none.",
    drop: "Drop a video or audio file here, or", choose: "choose one", address: "Address of a video (http, https, s3)",
    analyse: "Analyse", jobs: "Jobs", job: "Job", state: "State", submitted: "Submitted", spoken: "Language", all: "all states",
    more: "More", none: "No jobs yet.", cancel: "Cancel", retry: "Retry", remove: "Remove", reallyRemove: "Remove the job and its result?",
    sending: "Sending {name}: {percent} %",
    processing: "processing", completed: "completed", failed: "failed", cancelled: "cancelled", queued: "queued", running: "running",
    download: "Download", media: "Play with: choose the file", orAddress: "or its address", play: "Play",
    search: "Search the transcript", found: "{number} of {count}", nothing: "not found", previous: "Previous", next: "Next",
    follow: "Follow the playback", speakers: "Speakers", segments: "{count} segments", seconds: "{seconds} s", left: "about {seconds} s left", position: "place {position} in the queue",
    curve: "Volume (bars, coloured by speaker) and pitch (dots) over time; click to go there. Arrow keys move by 5 s.",
    pitch: "pitch {hz} Hz, volume {db} dB", silence: "Nobody speaks in it.", callback: "callbacks: {state}",
  },
  ko: {
    language: "언어", key: "API 키", use: "사용", wrongKey: "이 서버는 키가 필요하며, 입력한 키는 유효하지 않습니다.",
    drop: "비디오나 오디오 파일을 여기에 놓거나", choose: "파일 선택", address: "비디오 주소 (http, https, s3)",
    analyse: "분석", jobs: "작업", job: "작업", state: "상태", submitted: "접수", spoken: "언어", all: "모든 상태",
    more: "더 보기", none: "아직 작업이 없습니다.", cancel: "취소", retry: "다시 실행", remove: "삭제", reallyRemove: "작업과 결과를 삭제할까요?",
    sending: "{name} 전송 중: {percent} %",
    processing: "처리 중", completed: "완료", failed: "실패", cancelled: "취소됨", queued: "대기 중", running: "처리 중",
    download: "내려받기", media: "재생할 파일 선택", orAddress: "또는 주소", play: "재생",
    search: "전사 내용 검색", found: "{count}개 중 {number}번째", nothing: "결과 없음", previous: "이전", next: "다음",
    follow: "재생 위치 따라가기", speakers: "화자", segments: "발화 {count}개", seconds: "{seconds}초", left: "약 {seconds}초 남음", position: "대기열 {position}번째",
    curve: "시간에 따른 음량(막대, 화자별 색)과 음높이(점). 클릭하면 그 위치로 이동하고, 화살표 키는 5초씩 이동합니다.",
    pitch: "음높이 {hz} Hz, 음량 {db} dB", silence: "말하는 사람이 없습니다.", callback: "콜백: {state}",
  },
};
const SAVED = "ecg-language";

export const language = localStorage.getItem(SAVED) ?? (navigator.language.startsWith("ko") ? "ko" : "en");

export function setLanguage(chosen) {
  localStorage.setItem(SAVED, chosen);
  location.reload();
}

/** The text called `name`, with `{words}` filled in; the name itself where there is none. */
export function text(name, words = {}) {
  return (TEXTS[language][name] ?? name).replace(/\{(\w+)\}/g, (_, word) => words[word]);
}

export function time(seconds) {
  const whole = Math.floor(seconds), two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600), rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}
